"""Who is examined: a stack that can be reached, and what several checks want to know of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ...aws import Aws, Interrupted
from ...errors import explain
from . import clock
from .finding import Finding, Severity, error
from .observation import Observation, observe
from .symptoms import recognise

if TYPE_CHECKING:
    from ...config import Config
    from ...stack import Stack


@dataclass
class Patient:
    """A stack, and who looks at it.

    `clock_offset` is by how many seconds AWS's clock is ahead of ours; `since`, how many seconds of logs count as
    recent; `region_from`, where the region was chosen.
    """

    stack: Stack
    caller_arn: str
    clock_offset: float | None
    region_from: str
    since: int
    _observed: Future[Observation] | None = None

    @property
    def aws(self) -> Aws:
        return self.stack.aws

    @property
    def config(self) -> Config:
        return self.stack.config

    @property
    def is_local(self) -> bool:
        """True when something stands in for AWS."""
        return self.aws.endpoint_url is not None

    @property
    def where(self) -> dict[str, str]:
        """Stack, account and region."""
        return {"stack": self.config.stack, "account": self.aws.account, "region": self.aws.region}

    @property
    def now(self) -> float:
        """AWS's time, in epoch seconds, whatever this machine's clock says."""
        return time.time() + (self.clock_offset or 0.0)

    @property
    def here(self) -> str:
        """The options by which a command of the AWS CLI means this region, or what stands in for AWS."""
        endpoint = f" --endpoint-url {self.aws.endpoint_url}" if self.is_local else ""
        return f"--region {self.aws.region}{endpoint}"

    def observe_in(self, pool: ThreadPoolExecutor) -> None:
        """Begins to observe the stack's resources."""
        self._observed = pool.submit(copy_context().run, observe, self.stack)

    @property
    def observed(self) -> Observation:
        """The stack's resources; waits until they were observed."""
        assert self._observed
        return self._observed.result()

    @property
    def api_id(self) -> str | None:
        """The WebSocket API's id, when there is one."""
        live = self.observed.plan.live.get(self.stack.websocket.name)
        return live.outputs["api_id"] if live else None


def meet(stack: Callable[[], Stack], region_from: str, since: int) -> Patient | list[Finding]:
    """The patient; or, when there is no getting at it, why."""
    began = time.time()
    try:
        found = stack()
        _ = found.resources  # what cannot be packed cannot be compared either
        began = time.time()
        answer = found.aws.client("sts").get_caller_identity()
        offset = clock.offset(answer["ResponseMetadata"], began)
        return Patient(found, answer["Arn"], offset, region_from, since)
    except Interrupted:
        raise
    except Exception as reason:
        return _why_not(reason, began)


def _why_not(reason: Exception, began: float) -> list[Finding]:
    """What keeps us from a stack. A refusal of AWS's has more causes than one, and carries AWS's time."""
    told = explain(reason)
    if not isinstance(reason, ClientError):
        return [error(told.what, told.why, told.hint)]
    symptom = recognise(str(reason))
    causes = [f"{cause.why} ({cause.hint})" for cause in symptom.causes] if symptom else []
    offset = clock.offset(reason.response.get("ResponseMetadata"), began)
    skewed = [one for one in clock.findings(offset) if one.severity in (Severity.ERROR, Severity.WARNING)]
    return [error(told.what, "\n".join([told.why, *causes]), told.hint), *skewed]
