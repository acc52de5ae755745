const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;
const SHORTEST_MS = 250;

/**
 * How long to wait before the next try: exponential with full jitter, so that pages that lost their connection together
 * do not all come back together.
 */
export function backoff(failures: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(Math.max(failures - 1, 0), 10));
  return SHORTEST_MS + random() * (ceiling - SHORTEST_MS);
}
