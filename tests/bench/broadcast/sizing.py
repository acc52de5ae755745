"""What the measured CPU time means on Lambda: computed, for a vCPU as fast as the core that was measured."""

from collections.abc import Iterator, Mapping

MEMORY_OF_A_VCPU = 1769
"""MB, at which a function has one vCPU's time; less memory has proportionally less, and one thread uses no more:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""
SECONDS_TO_POST = 25.2
"""Nine tenths of the 28 seconds for which send runs at most."""
QUOTA, BURST = 10_000, 5_000
"""Posts a second of one account in one region, and at once:
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""
SMALL_QUOTA, SMALL_BURST = 2_500, 1_250
"""The same in the regions that the page names."""
USD_PER_GB_SECOND = 0.0000166667
"""x86, us-east-1: https://aws.amazon.com/lambda/pricing/"""
USD_PER_REQUEST = 0.20e-6
USD_PER_POST = 1e-6
"""For each 32 KB, us-east-1: https://aws.amazon.com/api-gateway/pricing/"""
MEMORIES = (128, 256, 512, 1024, MEMORY_OF_A_VCPU)
CONNECTIONS = (10, 100, 1_000, 10_000, 100_000)


class Model:
    """CPU time that grows with the number of connections, fitted to a small and a large broadcast."""

    def __init__(self, small: tuple[int, float], large: tuple[int, float]) -> None:
        """Takes the number of connections and the CPU seconds of each."""
        self.per_post = (large[1] - small[1]) / (large[0] - small[0])
        self.fixed = max(0.0, small[1] - small[0] * self.per_post)

    def seconds(self, connections: int, memory: int) -> float:
        """How long a broadcast takes: as the CPU allows, or as the account's quota does."""
        cpu = (self.fixed + connections * self.per_post) / share(memory)
        return max(cpu, (connections - BURST) / QUOTA)

    def most(self, memory: int, quota: int = QUOTA, burst: int = BURST) -> int:
        """How many connections are reached before time is up."""
        by_cpu = (SECONDS_TO_POST * share(memory) - self.fixed) / self.per_post
        return int(min(by_cpu, burst + quota * SECONDS_TO_POST))

    def lines(self, longest: "Model") -> Iterator[str]:
        """A Markdown table: memory × connections → time and Lambda's price of a thousand broadcasts.

        `longest` is the model of the longest messages; its only column is how many are reached.
        """
        reached = ("reached in time", "at a small quota", "32 KB messages")
        yield "| memory | " + " | ".join([*(f"{number:,}" for number in CONNECTIONS), *reached]) + " |"
        yield "|---:|" + "---:|" * (len(CONNECTIONS) + len(reached))
        for memory in MEMORIES:
            cells = []
            for number in CONNECTIONS:
                seconds = self.seconds(number, memory)
                is_in_time = number <= self.most(memory)
                price = 1000 * (seconds * memory / 1024 * USD_PER_GB_SECOND + USD_PER_REQUEST)
                cells.append(f"{seconds:.2g} s, ${price:.2g}" if is_in_time else "–")
            most = self.most(memory), self.most(memory, SMALL_QUOTA, SMALL_BURST), longest.most(memory)
            cells += [f"{round(number, -3):,}" for number in most]
            yield f"| {memory:,} MB | " + " | ".join(cells) + " |"


def small_function_lines(results: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """A Markdown table: function × memory → time that its calls take at least, and the price of a million of them."""
    yield "| function | " + " | ".join(f"{memory:,} MB" for memory in MEMORIES) + " | a million |"
    yield "|---|" + "---:|" * (len(MEMORIES) + 1)
    for name, result in results.items():
        cells = (
            f"{result['cpu'] / share(memory) * 1000:.0f}, {result['cpu_later'] / share(memory) * 1000:.1f}"
            for memory in MEMORIES
        )
        price = 1e6 * (result["cpu_later"] * MEMORY_OF_A_VCPU / 1024 * USD_PER_GB_SECOND + USD_PER_REQUEST)
        yield f"| {name} | " + " | ".join(cells) + f" | ${price:.2f} |"


def share(memory: int) -> float:
    """The part of a vCPU that a single thread gets."""
    return min(1.0, memory / MEMORY_OF_A_VCPU)
