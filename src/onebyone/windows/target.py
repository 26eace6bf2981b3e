"""What plans depend on of the machine that runs them, not of the network."""

from dataclasses import dataclass

from onebyone.windows.costs import Costs, known_costs


@dataclass(frozen=True)
class Target:
    """What a machine does well.

    Attributes:
        costs: of numbers beside arithmetic, for the choice of where sharing ends.
        cached: numbers in the largest value of what is run at a time, 8 MiB in single precision.
            It stays in the processor's cache, and the memory is kept for the next turn, where the
            C library would fetch larger pieces anew from the system each time.
        per_block: numbers to write for each block on average, where values stay below four times
            `cached`: a block takes several operators, and each of them a call.
        per_weight: numbers that a band computes for each weight: each fetches all weights anew.
        memory: bytes that intermediate results may take where nothing is asked for. Wider parts
            compute less twice where they meet; this much fits the machines that people have.
        small: numbers in a volume that PyTorch's `use_mkldnn` takes to be small.
        small_kernel: the largest kernel that it does so for.
        far: numbers between outputs of a signal that are read from far apart: slow in rows, if
            the filters are no more than `register`, or the kernel has `strides` strides or more.
        register: numbers that a processor's register holds.
        strides: see `far`.
    """

    costs: Costs
    cached: int = 2**21
    per_block: int = 2**20
    per_weight: int = 20
    memory: int = 2 * 2**30
    small: int = 20480
    small_kernel: int = 3
    far: int = 512
    register: int = 16
    strides: int = 8


def this_machine(costs: Costs | None = None) -> Target:
    """The processor that this runs on, with the costs given or those that are known of it."""
    found = known_costs() if costs is None else costs
    return Target(found)
