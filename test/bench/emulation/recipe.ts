/** A recipe as `kmips fmt` writes it, without the tests of its units. */
export function withoutTests(recipe: string): string {
  return recipe.replace(/^ {2}test "[^"\n]*" \{(?:[^\n]*\}|\n[^]*?\n {2}\})\n/gm, "");
}
