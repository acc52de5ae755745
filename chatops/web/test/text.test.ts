import { describe, expect, it } from "vitest";
import { beginningOf, cleanNick, colourOf, initialOf, shownName, visible } from "../src/text";

describe("visible", () => {
  it.each([
    ["안녕하세요, hello — ok\n\tx", "안녕하세요, hello — ok\n\tx"],
    ["👨‍👩‍👧 ❤️‍🔥 👍🏽 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👨‍👩‍👧 ❤️‍🔥 👍🏽 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿"],
    ["می‌خواهم क्षत्रिय עברית", "می‌خواهم क्षत्रिय עברית"],
  ])("leaves ordinary text alone: %s", (text, same) => expect(visible(text)).toBe(same));

  it("spells out what turns text around", () => {
    expect(visible("a\u202Egpj.exe")).toBe("a⟨U+202E⟩gpj.exe");
    expect(visible("\u2066x\u2069")).toBe("⟨U+2066⟩x⟨U+2069⟩");
  });

  it("spells out what cannot be seen, a flood of it once", () => {
    expect(visible("a\u200Bb")).toBe("a⟨U+200B⟩b");
    expect(visible("\u200B".repeat(50_000))).toBe("⟨U+200B ×50000⟩");
    expect(visible("\u200D\uFE0F".repeat(20_000))).toBe("⟨U+200D ×40000⟩");
    expect(visible("\u3164\u0000\u{E0041}")).toBe("⟨U+3164 ×3⟩");
  });

  it("lets few marks pile up on a letter", () => expect(visible(`a${"\u0301".repeat(1000)}`)).toBe(`a${"\u0301".repeat(5)}`));

  it("is quick with 100 KB of the worst", () => {
    const began = performance.now();
    for (const unit of ["a\u200B", "\u0301", "\u200D", "\u{1F3F4}\u{E0067}", "\uFE0F\u200D"]) visible(unit.repeat(50_000));
    expect(performance.now() - began).toBeLessThan(1500);
  });
});

describe("a name", () => {
  it.each([
    ["  은정  ", "은정"],
    ["<b>은정</b>", "b 은정 /b"],
    ["a\nb\tc", "a b c"],
    ["\u202Eevil\u200B", "evil"],
    ["\u3164\u200B ", ""],
    ["\u200D", ""],
    ["x".repeat(40), "x".repeat(32)],
    [`${"x".repeat(31)}😀`, "x".repeat(31)],
  ])("is cleaned: %j", (typed, clean) => expect(cleanNick(typed, 32)).toBe(clean));

  it("is never invisible when a stranger sends it", () => {
    expect(shownName("   ")).toBe("⟨?⟩");
    expect(shownName("\u200D")).toBe("⟨?⟩");
    expect(shownName("은정")).toBe("은정");
  });

  it("has an initial and, everywhere, the same colour", () => {
    expect(initialOf("은정")).toBe("은");
    expect(initialOf("👨‍👩‍👧 family")).toBe("👨‍👩‍👧");
    expect(initialOf("ada")).toBe("A");
    expect(colourOf("은정", 8)).toBe(colourOf("은정", 8));
    expect(new Set(Array.from({ length: 100 }, (_, i) => colourOf(`user ${i}`, 8))).size).toBe(8);
  });
});

describe("beginningOf", () => {
  it("leaves short texts whole", () => {
    expect(beginningOf("안녕")).toBeNull();
    expect(beginningOf("x".repeat(1700))).toBeNull();
    expect(beginningOf("x\n".repeat(20))).toBeNull();
  });

  it("cuts long ones, between characters", () => {
    expect(beginningOf("x".repeat(100_000))).toHaveLength(1500);
    const cut = beginningOf(`x${"😀".repeat(2000)}`);
    expect(cut).toBe(`x${"😀".repeat(749)}`);
  });

  it("cuts high ones", () => expect(beginningOf("x\n".repeat(100))?.split("\n")).toHaveLength(24));
});
