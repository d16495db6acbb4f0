import { createInterning } from '#platform/streams/interning';

/** The ids of products in open windows. A visit names each of some thousand products again and again. */
export const internProductId = createInterning(50_000);

/** Steps that were read from a checkpoint, with their products interned. */
export const internSteps = (steps: readonly { productId: string }[]): void => {
  for (const step of steps) step.productId = internProductId(step.productId);
};
