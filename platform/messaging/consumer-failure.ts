/** The promise `failed` of a consumer. It stays pending until the first call of `fail`, which rejects it. */
export const createConsumerFailure = (): { failed: Promise<never>; fail(error: unknown): void } => {
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // A caller that does not handle `failed` must not crash by an unhandled rejection.
  failed.catch(() => {});
  return { failed, fail };
};
