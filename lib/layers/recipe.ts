/** How to make a value again: a factory of the library, and the argument that it was called with. */
export interface Recipe {
  /** Family and factory: 'regularizers.l2'. */
  readonly kind: string;
  /** The factory's only argument, undefined when there was none. */
  readonly config: unknown;
}

const recipes = new WeakMap<object, Recipe>();

/**
 * Notes what a function or object was made from, so that a saved model can name it.
 *
 * @param config the argument of the factory; what has defaults may be left out
 * @returns `value`
 *
 * @example
 * return remember((w) => multiply(sum(square(w)), factor), 'regularizers.l2', factor);
 */
export function remember<T extends object>(value: T, kind: string, config?: unknown): T {
  recipes.set(value, { kind, config });
  return value;
}

/** What a value was made from, if it was made by the library. */
export const recipeOf = (value: object): Recipe | undefined => recipes.get(value);
