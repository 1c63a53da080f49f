export type StandardizeName = 'lower' | 'stripPunctuation' | 'lowerAndStripPunctuation';
export type SplitName = 'whitespace' | 'character';

export type StandardizeFn = (text: string) => string;
export type SplitFn = (text: string) => readonly string[];

/** As in Keras, the 26 letters of ASCII only: other scripts keep their case. */
const lower: StandardizeFn = (text) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
/** The 32 signs of ASCII. */
const stripPunctuation: StandardizeFn = (text) => text.replace(/[!-/:-@[-`{-~]/g, '');

export const standardizers: Readonly<Record<StandardizeName, StandardizeFn>> = {
  lower,
  stripPunctuation,
  lowerAndStripPunctuation: (text) => stripPunctuation(lower(text)),
};

export const splitters: Readonly<Record<SplitName, SplitFn>> = {
  // the white space of ASCII; \s has more
  whitespace: (text) => text.split(/[ \t\n\v\f\r]+/).filter((word) => word !== ''),
  character: (text) => [...text],
};

/** Runs of `width` tokens, for one width after the other, joined by spaces. */
export const joinRuns = (tokens: readonly string[], widths: readonly number[]): string[] =>
  widths.flatMap((width) =>
    Array.from({ length: Math.max(0, tokens.length - width + 1) }, (_, i) => tokens.slice(i, i + width).join(' ')),
  );
