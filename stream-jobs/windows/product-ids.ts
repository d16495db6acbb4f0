import { createInterning } from '#platform/streams/interning';

/** The ids of products in open windows. A visit names each of some thousand products again and again. */
export const internProductId = createInterning(50_000);
