"""`fakescope chain`: make a FakeChain, from a folder of images to a reviewed data set."""

from __future__ import annotations

import typer

from fakescope.cli.chain_collect import collect
from fakescope.cli.chain_enlighten import enlighten
from fakescope.cli.chain_exemplars import app as exemplars_app
from fakescope.cli.chain_label_studio import app as label_studio_app
from fakescope.cli.chain_make import check, status, steer
from fakescope.cli.chain_release import agree, diff, import_release, import_seed, release, stats, validate
from fakescope.cli.chain_review import people_app, review

app = typer.Typer(
    name="chain",
    help="Make a FakeChain: collect, steer, demonstrate, enlighten, check, review, release.",
    no_args_is_help=True,
)
app.command()(collect)
app.command()(status)
app.command()(steer)
app.add_typer(exemplars_app, name="exemplars")
app.command()(enlighten)
app.command()(check)
app.command()(agree)
app.command()(release)
app.command()(stats)
app.command()(diff)
app.command()(validate)
app.command("import")(import_release)
app.command("import-seed")(import_seed)
app.add_typer(label_studio_app, name="label-studio")
app.command()(review)
app.add_typer(people_app, name="people")
