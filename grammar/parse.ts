/**
 * The front door: text to AST and diagnostics. Decides the order of the checks; never throws.
 */
import type { Recipe } from "./ast.js";
import { checkDepth, checkSize } from "./depth.js";
import type { Diagnostic } from "./diagnostic.js";
import { checkCharacters, tokenize } from "./lexer.js";
import { diagnose } from "./messages.js";
import { RecipeParser } from "./parser.js";
import type { SourceFile } from "./source.js";

/** A recipe and everything that is wrong with it, in the order of the text. */
export interface ParseResult {
  readonly recipe: Recipe;
  readonly diagnostics: Diagnostic[];
}

let shared: RecipeParser | undefined;

/** Parses `file`. With faults the recipe holds the declarations that could be read. */
export function parse(file: SourceFile): ParseResult {
  const empty: Recipe = { file, edition: 1, imports: [], declarations: [] };
  const tooLarge = checkSize(file);
  if (tooLarge !== undefined) return { recipe: empty, diagnostics: [tooLarge] };
  const lexed = tokenize(file);
  const tooDeep = checkDepth(file, lexed.tokens);
  if (tooDeep !== undefined) return { recipe: empty, diagnostics: [tooDeep] };
  shared ??= new RecipeParser(false);
  const parsed = shared.run(lexed.tokens, file.text, lexed.docs);
  const diagnostics: Diagnostic[] = [...checkCharacters(file), ...lexed.faults];
  for (const { code, span, message, help } of parsed.faults) {
    diagnostics.push(diagnose(file, code, span.start, span.end, message, { help }));
  }
  if (parsed.stop !== undefined) {
    const { token, rule, expected } = parsed.stop;
    const start = token.image === "" ? file.text.length : token.startOffset;
    const wanted = expected?.name ?? "something else";
    diagnostics.push(
      diagnose(
        file,
        "KM0150",
        start,
        start + token.image.length,
        `Found "${token.image}" in ${rule}, wanted ${wanted}`,
      ),
    );
  }
  const edition = parsed.edition?.value ?? 1;
  const { imports, declarations } = parsed;
  return { recipe: { file, edition, imports, declarations }, diagnostics };
}
