export type { KernelProfile, ProfileTotals } from './kernels.js';
export { checkProfileOptions, type ProfileMode, type ProfileOptions } from './options.js';
export { Profile, type ProfileGroup } from './report.js';
export { runProfile } from './run.js';
