"""What the machine gives: shared memory for pictures, memory for models, cores for threads."""

from __future__ import annotations

from hybridgl_ros.doctor.facts import Dds, Facts
from hybridgl_ros.doctor.findings import Finding, ok, warning, wrong
from hybridgl_ros.doctor.limits import Limits
from hybridgl_ros.memory import gigabytes

PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
OTHER_WAYS = ("FASTDDS_BUILTIN_TRANSPORTS", "ROS_DISCOVERY_SERVER")
DDS_VARIABLES = (*PROFILE_VARIABLES, *OTHER_WAYS, "RMW_IMPLEMENTATION")
FAST_DDS = "rmw_fastrtps"
MEBIBYTE = 2**20


def uses_fast_dds(dds: Dds) -> bool:
    return (dds.environment.get("RMW_IMPLEMENTATION") or FAST_DDS).startswith(FAST_DDS)


def named_profile(dds: Dds) -> str:
    """The profile that Fast DDS reads: that of the variables, or the one in the current folder; empty for none."""
    named = [dds.environment[name] for name in PROFILE_VARIABLES if dds.environment.get(name)]
    return named[0] if named else dds.own_profile


def check_profile(facts: Facts, limits: Limits) -> Finding | None:
    """Whether pictures fit into the shared memory that a sender has; nothing to say without ROS 2."""
    dds = facts.dds
    if not facts.ros.rclpy:
        return None
    if not uses_fast_dds(dds):
        return ok("DDS", f"{dds.environment['RMW_IMPLEMENTATION']}: Fast DDS's profile does not matter")
    export = "; ".join(f"export {name}={dds.shipped}" for name in PROFILE_VARIABLES)
    profile = named_profile(dds)
    if dds.profile_error:
        return wrong("DDS", f"Fast DDS cannot read its profile {profile}: {dds.profile_error}", export)
    if profile:
        size = f", {dds.segment / MEBIBYTE:g} MiB of shared memory a program" if dds.segment else ""
        return ok("DDS", f"Fast DDS with {profile}{size}")
    if others := [name for name in OTHER_WAYS if dds.environment.get(name)]:
        return ok("DDS", f"Fast DDS as {others[0]} says")
    usual = f"{limits.usual_segment // 1024} KiB"
    return warning(
        "DDS",
        f"no profile in this shell: a camera started from it has {usual} of shared memory, and larger best-effort "
        "pictures get lost (this package's own programs bring their profile)",
        export,
    )


def check_shared_memory(facts: Facts, limits: Limits) -> Finding | None:
    """Whether /dev/shm holds the segments; containers have 64 MB unless told otherwise."""
    dds = facts.dds
    if not facts.ros.rclpy or not uses_fast_dds(dds):
        return None
    cure = "sudo mount -o remount,size=512m /dev/shm   (a container: docker run --shm-size=512m, or --ipc=host)"
    if dds.total is None or dds.free is None:
        return warning("shared memory", "no /dev/shm: pictures go through the network's loopback", cure)
    segment = dds.segment or limits.usual_segment
    text = f"{dds.free / MEBIBYTE:.0f} of {dds.total / MEBIBYTE:.0f} MiB of /dev/shm are free"
    if dds.free < segment:
        return wrong("shared memory", f"{text}; a program takes {segment / MEBIBYTE:g} MiB", cure)
    if dds.free < limits.segments * segment:
        wanted = f"{limits.segments} programs that send pictures take {limits.segments * segment / MEBIBYTE:g} MiB"
        return warning("shared memory", f"{text}; {wanted}", cure)
    return ok("shared memory", text)


def needed_memory(facts: Facts, limits: Limits) -> int:
    """Bytes that the chosen models take in main memory when they run on the CPU, in float32, on one picture."""
    weights = sum(entry.size * 4 // limits.parameter_bytes.get(entry.name, 4) for entry in facts.weights)
    working = max((limits.working.get(entry.architecture, 0) for entry in facts.weights), default=0)
    return limits.program + weights + working


def check_memory(facts: Facts, limits: Limits) -> Finding | None:
    """Whether the chosen models fit into what the system and its control groups leave."""
    if facts.config_error or facts.memory is None:
        return None
    needed = needed_memory(facts, limits)
    text = f"{gigabytes(facts.memory)} can be taken, the models want about {gigabytes(needed)}"
    if facts.memory < needed:
        return warning("memory", text, "hybridgl models   (a smaller SAM: --set models.sam=sam_vit_b)")
    return ok("memory", text)


def check_threads(facts: Facts, _limits: Limits) -> Finding:
    """Whether the models' threads have a core each."""
    asked = facts.threads or min(facts.torch.threads, facts.cores)
    text = f"{asked} thread(s) on {facts.cores} core(s) that may be used"
    if asked > facts.cores:
        return warning("threads", f"{text}: they get in each other's way", f"--set models.threads={facts.cores}")
    if not facts.threads and facts.openmp.isdigit() and int(facts.openmp) < facts.cores:
        text += f" (OMP_NUM_THREADS={facts.openmp})"
    return ok("threads", text)
