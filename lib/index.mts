// For `import`: the same names and the same objects as for `require`, so that a process never has two copies of the library.
export * from './index.js';
