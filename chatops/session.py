"""One run of a command: its options, and the config, the account and the stack that they lead to."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .errors import UsageError
from .interrupt import Interrupt
from .text import visible, without_user

if TYPE_CHECKING:
    from .aws import Aws
    from .config import Config
    from .render.output import Output
    from .stack import Stack

UNANSWERED = "chatops asks before it deletes or disconnects, and cannot ask without a terminal or with --json"


LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Options:
    """What every command that talks to AWS takes."""

    config: Path | None = None
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    local: bool = False
    as_json: bool = False
    debug: bool = False

    @property
    def given(self) -> dict[str, str | None]:
        """Those that decide where a command acts, as they would be written."""
        values = {
            "--config": self.config,
            "--region": self.region,
            "--profile": self.profile,
            "--endpoint-url": self.endpoint_url,
        }
        given: dict[str, str | None] = {name: str(value) for name, value in values.items() if value}
        return {"--local": None, **given} if self.local else given


class Session:
    """Leads from options to a stack, a step at a time; nothing is read or asked before it is needed."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.stop = threading.Event()
        self.interrupt = Interrupt(self.stop, self.note, self._leave)

    def other(self, **options: Any) -> Session:
        """The same run with some options replaced."""
        other = Session(replace(self.options, **options))
        other.stop, other.interrupt = self.stop, self.interrupt
        return other

    def again(self, config: Path | None = None) -> Session:
        """The same run once more: the config and the handlers are read anew, the account stays.

        With `config` it is that file's, whatever the options name.
        """
        other = self.other(config=config or self.options.config)
        other.output, other.aws = self.output, self.aws
        return other

    @cached_property
    def output(self) -> Output:
        from .render.output import Output

        return Output(as_json=self.options.as_json, advice=self.options.given)

    @cached_property
    def config(self) -> Config:
        from .config import load

        return load(self.options.config)

    @cached_property
    def stack(self) -> Stack:
        from .stack import Stack

        return Stack(self.config, self.aws)

    @cached_property
    def aws(self) -> Aws:
        """The account and region to work in. Raises UsageError when they are not the ones that the config allows."""
        from .aws import Aws
        from .deploy.resource import listen

        # Whoever makes this run wait is told of, whichever command it is.
        listen(self._wait)
        if self.options.local:
            from .local import server

            self._refuse_beside_local()
            forget_credentials()
            region = self.region
            url, front_url = server.ensure(region, self.note)
            return Aws(region, endpoint_url=url, front_url=front_url, keys=server.keys().pair, stop=self.stop)
        from .aws import endpoint

        region, profile, given = self.region, self.options.profile, self.options.endpoint_url
        endpoint.check(given, profile)
        aws_url = given or endpoint.configured(profile)
        aws = Aws(
            region,
            profile=profile,
            endpoint_url=aws_url,
            endpoint_from_settings=given is None,
            front_url=self._local_gateway(aws_url, region),
            stop=self.stop,
        )
        pinned = self.config.account
        if pinned and aws.account != pinned:
            raise UsageError(
                "wrong-account",
                f"These credentials belong to account {aws.account}",
                f"the config {self.config.file} allows only {pinned}",
                "Choose the right profile with --profile; nothing was changed.",
            )
        return aws

    def _local_gateway(self, endpoint_url: str | None, region: str) -> str | None:
        """The local API Gateway, where `chatops local env` has named the local AWS as the endpoint."""
        if not endpoint_url or urlsplit(endpoint_url).hostname not in LOOPBACK:
            return None
        from .local import server

        return server.gateway_of(endpoint_url, region, self.note)

    def _refuse_beside_local(self) -> None:
        given = {"--profile": self.options.profile, "--endpoint-url": self.options.endpoint_url}
        for option, value in given.items():
            if value is not None:
                raise UsageError(
                    "not-beside-local",
                    f"--local and {option} exclude each other",
                    "the local AWS has an account and an address of its own",
                    "Leave one of the two out; CHATOPS_LOCAL=1 in the environment stands for --local.",
                )

    @property
    def where(self) -> dict[str, str]:
        """Stack, account, region and the config in use, as every document begins."""
        aws, config = self.aws, self.config
        return {"stack": config.stack, "account": aws.account, "region": aws.region, "config": config.origin}

    @property
    def known(self) -> dict[str, str]:
        """What is known of `where` without the account: for a header where AWS, or even the config, cannot be read."""
        from botocore.exceptions import BotoCoreError

        found = {"account": "unknown", "config": str(self.options.config or "config.yaml")}
        if self.options.region:
            found["region"] = self.options.region
        with suppress(UsageError):
            found |= {"stack": self.config.stack, "config": self.config.origin}
        # A profile that does not exist is told by the error that follows.
        with suppress(UsageError, BotoCoreError):
            found["region"] = self.region
        return found

    def prepare(self) -> None:
        """Asks for the account while what shows it is loaded; then, beside everything else, makes what a plan needs."""
        self.aws.client("sts")

        def make() -> None:
            # Whoever needs it first makes it again, and tells what is wrong.
            with suppress(Exception):
                _ = self.aws.account
                from . import plans

                for service in plans.SERVICES:
                    self.aws.client(service)

        threading.Thread(target=copy_context().run, args=(make,), name="prepare", daemon=True).start()
        _ = self.output

    def head(self) -> None:
        """Shows what is about to be touched."""
        self.output.head(self.where, self.place(self.aws))
        self.tell_region()

    def place(self, aws: Aws) -> str:
        """Return a note for the header when a server stands in for AWS, else an empty string."""
        if self.options.local:
            return "(the local AWS)"
        from .aws import endpoint

        parts = [f"endpoint {visible(without_user(aws.endpoint_url))}"] if aws.endpoint_url else []
        if self.options.endpoint_url is None:
            parts += [
                f"{', '.join(services)} at {visible(without_user(url))}"
                for url, services in endpoint.of_services(self.options.profile).items()
                if url != aws.endpoint_url
            ]
        return f"({'; '.join(parts)})" if parts else ""

    def tell_region(self) -> None:
        """Says which region it is, where the options and the config disagree."""
        flag, written = self.options.region, self.config.region
        if flag and written and flag != written:
            self.note(f"--region {flag} wins over region: {written} in {self.config.file}.")

    def note(self, text: str) -> None:
        """Something for a person to know; a program's JSON is not disturbed by it."""
        self.output.say(text, "yellow")

    def _wait(self, text: str) -> None:
        self.output.waiting(text)

    def _leave(self) -> None:
        self.output.leave()

    def may(self, question: str, *, yes: bool, unattended: bool, deletes: Sequence[str] = ()) -> bool:
        """Whether a change may go on: answered by --yes, never asked of a local AWS, else asked of the person.

        Without a terminal, or with --json, `unattended` decides: False raises a UsageError, which lists what the change
        `deletes` for a program; a person has read it by then.
        """
        if yes or self.options.local:
            return True
        if self.output.is_interactive and not self.options.as_json:
            return self.output.confirm(question)
        if not unattended:
            listed = [f"- {one}" for one in deletes] if self.options.as_json else []
            raise UsageError(
                "nobody-to-ask",
                "Confirmation required, but no terminal is attached",
                "\n".join([UNANSWERED, *listed]),
                "Pass --yes to continue. No changes were made.",
            )
        return True

    def stoppable(self) -> AbstractContextManager[None]:
        """Within it Ctrl-C and SIGTERM stop new steps, let those under way end, and raise nothing."""
        return self.interrupt.letting_end()

    @property
    def region(self) -> str:
        """The region that the options, the config and the environment lead to. Raises UsageError for none."""
        from .aws.region import chosen

        given = self.options
        config = self.config
        written_at = f"{config.file}:{config.region_line}"
        return chosen(given.region, config.region, profile=given.profile, local=given.local, written_at=written_at)


def forget_credentials() -> None:
    """Takes everything of AWS's but the region out of this process's environment, and its files out of reach.

    A run against the local AWS uses keys of its own, and must never mix them with the user's.
    """
    for key in [key for key in os.environ if key.startswith("AWS_")]:
        if key not in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            del os.environ[key]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
