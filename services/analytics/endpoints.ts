import type { Endpoint } from './question.js';

/** The questions that are nothing but statements and a shape of their rows. */
export const endpoints: readonly Endpoint[] = [];
