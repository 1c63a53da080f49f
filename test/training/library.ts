export * as ops from '../../lib/ir/ops/index';
export * as layers from '../../lib/layers/index';
export * as losses from '../../lib/losses/index';
export * as optimizers from '../../lib/optimizers/index';
export * as schedules from '../../lib/schedules/index';
