"""Any image-text-to-text model of transformers behind the project's seam. Only here, in `mplug_owl2` and in `train` is
torch imported, and only when a model is used.

options     where and how a model is loaded
load        source -> model and processor, safetensors only, adapters put on
processors  processors without torchvision
slots       words -> token ids at an answer slot, whatever the tokenizer
prompt      conversations -> text in the model's own chat format
forensic    the `ForensicModel`
shared      many questions on one image from one reading of it
chat        one turn with a system prompt, for teachers
tiny        every family at toy size, to prove all of that without a hub
"""

from __future__ import annotations

from fakescope.models.hf.chat import ChatAnswer, ChatModel, load_chat_model

__all__ = ["ChatAnswer", "ChatModel", "load_chat_model"]
