"""The service `Conman`, as a table: what may be asked, and in which messages.

The first half is conman's own protocol, number by number, so that its programs can talk
to our daemon.  What is ours comes behind it with new numbers, and new answers are given
to those alone who ask for them (`whole`): a client of conman's sees nothing that it does
not know.  A `.proto` file for other languages: `python -m conman_lab.manager.wire`.
"""

import re
from typing import Any

from conman_lab.record import record

from .messages import classes

MESSAGES = """
    VersionRequest = {}
    VersionResponse = { 1 version:string, 2 runtime_name:string,
        3 runtime_version:string }
    CreateContainerRequest = { 1 name:string, 2 rootfs_path:string,
        3 rootfs_readonly:bool, 4 command:string, 5 args[]:string, 6 stdin:bool,
        7 stdin_once:bool, 8 whole:bool, 9 source:string, 10 config:string,
        11 env:map<string,string>, 12 readonly?:bool, 13 labels:map<string,string>,
        14 limits:Limits, 15 restart:Restart, 16 terminal:bool, 17 window:Window,
        18 auto_remove:bool }
    CreateContainerResponse = { 1 container_id:string, 2 whole:Whole }
    StartContainerRequest = { 1 container_id:string, 2 whole:bool }
    StartContainerResponse = { 1 whole:Whole }
    StopContainerRequest = { 1 container_id:string, 2 timeout:int64, 3 whole:bool,
        4 patience?:double }
    StopContainerResponse = { 1 whole:Whole }
    RemoveContainerRequest = { 1 container_id:string, 2 force:bool, 3 strict:bool }
    RemoveContainerResponse = {}
    ListContainersRequest = { 1 whole:bool, 2 state?:ContainerState,
        3 labels:map<string,string> }
    ListContainersResponse = { 1 containers[]:Container }
    ContainerStatusRequest = { 1 container_id:string, 2 whole:bool }
    ContainerStatusResponse = { 1 status:ContainerStatus, 2 whole:Whole }
    AttachRequest = { 1 container_id:string, 2 tty:bool, 3 stdin:bool, 4 stdout:bool,
        5 stderr:bool }
    AttachResponse = { 1 url:string }
    Container = { 1 id:string, 2 name:string, 3 created_at:int64,
        4 state:ContainerState, 5 whole:Whole }
    ContainerStatus = { 1 container_id:string, 2 container_name:string,
        3 state:ContainerState, 4 created_at:int64, 5 started_at:int64,
        6 finished_at:int64, 7 exit_code:int32, 8 message:string, 9 log_path:string }
    enum ContainerState = { 0 CREATED, 1 RUNNING, 2 EXITED, 3 UNKNOWN }

    Whole = { 1 id:string, 2 name:string, 3 command[]:string, 4 rootfs:string,
        5 readonly:bool, 6 labels:map<string,string>, 7 limits:Limits,
        8 restart:Restart, 9 created_at:double, 10 process:string, 11 restarts:int32,
        12 status:ContainerState, 13 started_at?:double, 14 exit:Exit, 15 paused:bool,
        16 log_path:string, 17 message:string,
        18 terminal:bool, 19 stdin:bool, 20 stdin_once:bool, 21 auto_remove:bool }
    Limits = { 1 memory?:int64, 2 pids?:int64, 3 cpus?:double }
    Restart = { 1 policy:string, 2 limit:int32 }
    Window = { 1 rows:int32, 2 columns:int32 }
    Exit = { 1 code?:int32, 2 signal?:int32, 3 at?:double, 4 oom:bool }

    KillContainerRequest = { 1 container_id:string, 2 signal?:int32 }
    KillContainerResponse = {}
    WaitContainerRequest = { 1 container_id:string, 2 timeout?:double }
    WaitContainerResponse = { 1 exit:Exit }
    PauseContainerRequest = { 1 container_id:string }
    PauseContainerResponse = { 1 whole:Whole }
    ResumeContainerRequest = { 1 container_id:string }
    ResumeContainerResponse = { 1 whole:Whole }
    InspectContainerRequest = { 1 container_id:string }
    InspectContainerResponse = { 1 json:string }
    ContainerStatsRequest = { 1 container_id:string }
    ContainerStatsResponse = { 1 cpu_seconds:double, 2 memory_bytes:int64,
        3 memory_limit?:int64, 4 pids:int64, 5 at:double }
    PruneRequest = {}
    PruneResponse = { 1 removed[]:string }
    LogsRequest = { 1 container_id:string, 2 since?:double, 3 tail?:int64,
        4 follow:bool }
    LogsResponse = { 1 records[]:Record }
    Record = { 1 at:double, 2 stream:int32, 3 full:bool, 4 text:bytes }
    EventsRequest = { 1 since?:double }
    EventsResponse = { 1 events[]:Event }
    Event = { 1 at:double, 2 kind:string, 3 id:string, 4 name:string,
        5 details:map<string,string> }
    RunInRequest = { 1 exec:ExecRequest, 2 timeout?:double }
    RunInResponse = { 1 status:int32, 2 stdout:bytes, 3 stderr:bytes }

    SessionRequest = { 1 attach:AttachRequest, 2 exec:ExecRequest, 3 input:bytes,
        4 end_input:bool, 5 window:Window }
    ExecRequest = { 1 container_id:string, 2 command[]:string,
        3 env:map<string,string>, 4 cwd?:string, 5 terminal:bool, 6 stdin:bool,
        7 window:Window, 8 log:bool }
    SessionResponse = { 1 id:string, 2 stream:int32, 3 output:bytes, 4 end_output:bool,
        5 exit:Exit }

    Failure = { 1 kind:string, 2 errno:int32, 3 command[]:string, 4 status:int32,
        5 words:string, 6 where:string, 7 field:string, 8 expected:string }
"""

SERVICE = """
    Version           VersionRequest            -> VersionResponse
    CreateContainer   CreateContainerRequest    -> CreateContainerResponse
    StartContainer    StartContainerRequest     -> StartContainerResponse
    StopContainer     StopContainerRequest      -> StopContainerResponse
    RemoveContainer   RemoveContainerRequest    -> RemoveContainerResponse
    ListContainers    ListContainersRequest     -> ListContainersResponse
    ContainerStatus   ContainerStatusRequest    -> ContainerStatusResponse
    Attach            AttachRequest             -> AttachResponse

    KillContainer     KillContainerRequest      -> KillContainerResponse
    WaitContainer     WaitContainerRequest      -> WaitContainerResponse
    PauseContainer    PauseContainerRequest     -> PauseContainerResponse
    ResumeContainer   ResumeContainerRequest    -> ResumeContainerResponse
    InspectContainer  InspectContainerRequest   -> InspectContainerResponse
    ContainerStats    ContainerStatsRequest     -> ContainerStatsResponse
    Prune             PruneRequest              -> PruneResponse
    RunIn             RunInRequest              -> RunInResponse
    Logs              LogsRequest               -> stream LogsResponse
    Events            EventsRequest             -> stream EventsResponse
    Session           stream SessionRequest     -> stream SessionResponse
"""

ROW = re.compile(r"(\w+) +(stream )?(\w+) +-> (stream )?(\w+)")
MESSAGE = classes(MESSAGES)  # by name

LARGEST = 4 * 1024 * 1024  # bytes of one message; gRPC's own limit by default


@record
class Method:
    """One row of SERVICE; `Any` below are classes that have no name in our source."""

    name: str
    request: Any
    reply: Any
    asks_on: bool  # a stream of requests
    answers_on: bool  # a stream of replies

    @property
    def path(self) -> str:
        """What HTTP/2 sees.  The service has no package, as conman's has none."""
        return f"/Conman/{self.name}"


METHODS = {
    name: Method(name, MESSAGE[request], MESSAGE[reply], bool(ask), bool(answer))
    for name, ask, request, answer, reply in (
        row.groups() for row in ROW.finditer(SERVICE)
    )
}
