// How far two CPUs are from each other, as the bench measures it.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';

const roundTripFile = path.join(__dirname, '..', '..', 'out/bench/round-trip.js');

/** Measures in a process of its own, after `first`: nanoseconds, and the milliseconds it took. */
function measure(first = ''): { ns: number; took: number } {
  const script = `
    const { RoundTrip } = require(${JSON.stringify(roundTripFile)});
    const roundTrip = new RoundTrip();
    setTimeout(() => {
      ${first}
      const start = performance.now();
      const ns = roundTrip.measure();
      console.log(JSON.stringify({ ns, took: performance.now() - start }));
    }, 200);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 60_000 });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as { ns: number; took: number };
}

test('is some nanoseconds to microseconds', () => {
  const { ns, took } = measure();
  if (availableParallelism() < 2) expect(ns).toBe(0);
  else expect(ns).toBeGreaterThan(10);
  expect(took).toBeLessThan(5000);
});

const pinned = process.platform === 'linux' && availableParallelism() > 1 ? test : test.skip;

// 24,000 trips of a time slice each were once more than a minute
pinned('ends soon where both threads have one CPU', () => {
  // containers may not have CPU 0
  const pin = `const [, cpu] = /^Cpus_allowed_list:\\s*(\\d+)/m.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'));
      require('node:child_process').execSync('taskset -acp ' + cpu + ' ' + process.pid, { stdio: 'ignore' });`;
  const { ns, took } = measure(pin);
  expect(ns).toBeGreaterThan(1000); // at least a switch between threads
  expect(took).toBeLessThan(5000);
});
