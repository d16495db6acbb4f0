import fc from 'fast-check';

/**
 * Properties draw the same cases in each `npm test`, so that a change is judged by what it changed. `npm run properties`
 * sets PROPERTY_SEED to another number each round; a failure prints the seed that repeats it.
 */
fc.configureGlobal({ seed: Number(process.env.PROPERTY_SEED ?? 20_261_128) });
