"""`fakescope chain review` and `people`: the review room."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fakescope.cli.chain_options import AsJson, Chain, Root, open_chain, print_json, print_table

people_app = typer.Typer(name="people", help="Who may enter the review room.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Stands in every record.", show_default=False)]


def review(
    chain: Chain,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 for any free one.")] = 8765,
    judges: Annotated[
        int | None,
        typer.Option(
            "--judges", min=1, max=50, help="People who judge an image blind (2).", show_default=False
        ),
    ] = None,
    reviewers: Annotated[
        int | None,
        typer.Option("--reviewers", min=1, max=50, help="People who review a draft (1).", show_default=False),
    ] = None,
    voters: Annotated[
        int | None,
        typer.Option(
            "--voters", min=1, max=50, help="People who compare two drafts (1).", show_default=False
        ),
    ] = None,
    reveal: Annotated[
        bool | None,
        typer.Option(
            "--reveal/--no-reveal", help="Tell people that a verdict was wrong.", show_default=False
        ),
    ] = None,
    only_me: Annotated[
        bool, typer.Option("--only-me", help="Make a link for one person, the owner, and print it.")
    ] = False,
    root: Root = None,
) -> None:
    """Serve the review room: blind judging, review, adjudication, comparison. Stop it with Ctrl-C; nothing is lost.

    Numbers of people are kept in the chain. Behind a proxy that speaks HTTPS it may be used from outside.
    """
    from fakescope.errors import MissingExtraError

    try:
        import uvicorn

        from fakescope.chain.room.people import Role, add_person, list_people
        from fakescope.chain.room.settings import change_settings
        from fakescope.web.room.app import make_app
    except ModuleNotFoundError as error:
        raise MissingExtraError("the review room", "chain") from error
    from fakescope.cli.console import print_note
    from fakescope.cli.listen import listener

    with open_chain(chain, root) as store:
        change_settings(store, judges=judges, reviewers=reviewers, voters=voters, reveal=reveal)
        token = add_person(store, "owner", Role.OWNER) if only_me else None
        if not list_people(store):
            print_note("nobody may enter yet: `fakescope chain people add CHAIN NAME`, or --only-me")
        config = uvicorn.Config(
            make_app(store), host=host, port=port, log_level="warning", access_log=False, server_header=False
        )
        server = uvicorn.Server(config)
        with listener(host, port) as socket:
            address = f"http://{host}:{socket.getsockname()[1]}"
            print_note(f"review room: {address}/" + (f"enter?token={token}" if token else ""))
            sys.stderr.flush()
            server.run(sockets=[socket])


@people_app.command()
def add(
    chain: Chain,
    name: Name,
    role: Annotated[
        str | None,
        typer.Option(
            "--role",
            metavar="annotator|adjudicator|owner",
            help="What they may do; by default what they may already, or annotator.",
            show_default=False,
        ),
    ] = None,
    address: Annotated[
        str, typer.Option("--address", help="Where the room is served.")
    ] = "http://127.0.0.1:8765",
    root: Root = None,
) -> None:
    """Give a person access, or a new link to one who has it. The link is shown once."""
    with open_chain(chain, root) as store:
        from fakescope.chain.room.people import Role, add_person

        if role is not None and role not in list(Role):
            raise typer.BadParameter("annotator, adjudicator or owner is needed", param_hint="--role")
        token = add_person(store, name, Role(role) if role else None)
    from fakescope.cli.console import print_line

    print_line(f"{address}/enter?token={token}")


@people_app.command("list")
def list_all(chain: Chain, as_json: AsJson = False, root: Root = None) -> None:
    """Everybody who has or had access."""
    with open_chain(chain, root) as store:
        from fakescope.chain.room.people import list_people

        found = list_people(store)
    if as_json:
        print_json([{"name": p.name, "role": p.role.value, "active": p.active, "since": p.at} for p in found])
    else:
        rows = [
            (p.name, f"{p.role.value}, since {p.at}" + ("" if p.active else ", no access")) for p in found
        ]
        print_table(f"{len(found)} people", rows)


@people_app.command()
def remove(chain: Chain, name: Name, root: Root = None) -> None:
    """Take away a person's access. What they did stays."""
    with open_chain(chain, root) as store:
        from fakescope.chain.room.people import remove_person

        remove_person(store, name)
    print_table("removed", [(name, "what they did stays")])
