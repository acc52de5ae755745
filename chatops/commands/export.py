"""The command by which a stack goes on without chatops: export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..command import command
from ..session import Session
from .init import SOME_FILES, Force

app = typer.Typer()
DEPLOY_EXPORT = """\
To deploy it, where no chatops stack of these names exists (`chatops down`, or another prefix):
  aws s3 cp --recursive {directory}/code s3://BUCKET/
  aws cloudformation deploy --template-file {directory}/template.yaml --stack-name NAME \\
    --capabilities CAPABILITY_NAMED_IAM --parameter-overrides CodeBucket=BUCKET"""


@command(app)
def export(
    session: Session,
    directory: Annotated[Path, typer.Argument(help="Where to write; made when it does not exist.")] = Path("export"),
    force: Force = False,
) -> None:
    """Write the stack as a CloudFormation template, with the zips of its functions, to go on without chatops.

    Example: [bold]chatops export[/bold]
    """
    import shlex

    import yaml

    from ..ops.export import export
    from ..starter import put

    options = session.options
    session.output.head({"stack": session.config.stack, "config": session.config.origin})
    made = export(session.config, session.aws if options.local or options.endpoint_url else None)
    text = yaml.safe_dump(made.template, sort_keys=False, allow_unicode=True, width=120)
    session.interrupt.so_far = SOME_FILES
    files = {f"code/{name}": read() for name, read in made.code.items()}
    written = put(directory, {"template.yaml": text.encode(), **files}, force=force)
    text = "\n".join(map(str, written)) or f"{directory} has everything already."
    session.output.result({"written": [str(one) for one in written]}, text)
    session.note(DEPLOY_EXPORT.format(directory=shlex.quote(str(directory))))
