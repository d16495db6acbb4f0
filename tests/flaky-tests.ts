import type { Reporter, TestCase } from 'vitest/node';

/** Prints each test that passed only when it was tried again: the run is green, but the test or the product is not steady. */
export const flakyTests = (): Reporter => {
  const flaky: string[] = [];
  return {
    onTestCaseResult: (test: TestCase) => {
      if (!test.diagnostic()?.flaky) return;
      const reason = test.result().errors?.[0]?.message.split('\n', 1)[0];
      flaky.push(`${test.module.relativeModuleId}: ${test.fullName}: ${reason ?? 'no reason given'}`);
    },
    onTestRunEnd: () => {
      for (const line of flaky.splice(0)) process.stdout.write(`flaky, passed when tried again: ${line}\n`);
    },
  };
};
