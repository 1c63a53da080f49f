export { type ClassificationOptions, type LabelledData, makeClassification } from './classification.js';
export { type CsvOptions, type NumberTable, parseNumbers } from './csv.js';
export { type IdxArray, readIdx } from './idx.js';
export { type ImageSet, loadMnist, type Mnist } from './mnist.js';
export { type Split, type SplitOptions, trainTestSplit } from './split.js';
export { applyScaling, fitScaling, type Scaling } from './standardize.js';
