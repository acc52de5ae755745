/**
 * While an old and a new connection overlap, a broadcast reaches both of them, or only one that was there in time.
 * Frames carry no id, so each text counts as often as the line that brought it most often.
 */
export class Overlap {
  private readonly brought = new Map<number, Map<string, number>>();
  private readonly accepted = new Map<string, number>();

  /** Whether this frame, arriving on this line, is new. */
  accepts(line: number, frame: string): boolean {
    const counts = this.brought.get(line) ?? new Map<string, number>();
    this.brought.set(line, counts);
    const times = (counts.get(frame) ?? 0) + 1;
    counts.set(frame, times);
    if (times <= (this.accepted.get(frame) ?? 0)) return false;
    this.accepted.set(frame, times);
    return true;
  }
}
