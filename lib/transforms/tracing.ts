let depth = 0;

/** Runs a function whose operations are recorded: a compiled function that it calls becomes a part of the record. */
export function trace<T>(body: () => T): T {
  depth++;
  try {
    return body();
  } finally {
    depth--;
  }
}

export const isTracing = (): boolean => depth > 0;
