// A program of a user of the package: learns y = 3 x1 - 2 x2 + 1 and fails when it does not.
const assert = require('node:assert');
const { sequential, layers, optimizers } = require('steepest');

async function main() {
  const rows = 256;
  const x = new Float32Array(rows * 2);
  const y = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    x[2 * i] = Math.sin(i);
    x[2 * i + 1] = Math.cos(3 * i);
    y[i] = 3 * x[2 * i] - 2 * x[2 * i + 1] + 1;
  }
  const model = sequential([layers.dense({ units: 1, inputShape: [2] })]);
  model.compile({ optimizer: optimizers.adam({ learningRate: 0.05 }), loss: 'meanSquaredError' });
  await model.fit(x, y, { epochs: 60, batchSize: 32 });
  const { loss } = await model.evaluate(x, y);
  assert(loss < 1e-3, `the loss is ${loss} after training`);
  const imported = await import('steepest');
  assert.strictEqual(imported.sequential, sequential);
  console.log(`Node ${process.version}: loss ${loss}`);
}

main();
