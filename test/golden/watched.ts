/** Values by name, and which of them nobody has read: what is not read would be ignored. */
export interface Watched<T extends object> {
  readonly values: T;
  unread(): string[];
}

export function watched<T extends object>(values: T): Watched<T> {
  const left = new Set(Object.keys(values));
  return {
    values: new Proxy(values, {
      get: (target, name) => {
        left.delete(name as string);
        return Reflect.get(target, name);
      },
    }),
    unread: () => [...left],
  };
}
