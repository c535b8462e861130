/**
 * The one order of names in kmips: by UTF-8 bytes, whatever the machine's locale.
 */

/**
 * Compares two well-formed strings by their UTF-8 bytes. JavaScript's `<` compares UTF-16 units,
 * which puts U+1F600 before U+FF5E.
 */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above U+FFFF: they rank above every other unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** Whether `text` has a UTF-8 form: no lone surrogates. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
