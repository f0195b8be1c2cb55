"""What a training run needs, before anybody rents a GPU: parameters, memory, tokens, operations, hours, cost.

    recipe -> skeleton (the model without weights) -> layout (its stacks of layers) -> memory, compute -> plan

shapes.yaml  sizes of the zoo's backbones, so that no hub is needed
skeleton     a model on the meta device: names, shapes and dtypes, no weights
layout       what a model consists of, in the numbers that memory and operations depend on
pictures     tokens and patches of a levelled picture, by the family's own processor
texts        tokens of conversations, from a data set or assumed
activations  what autograd keeps of a layer
memory       a step's peak, moment by moment
compute      operations, hours, cost
gpus         what can be rented
make         all of that for a recipe, and what to change where it does not fit
"""
