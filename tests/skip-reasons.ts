import type { Reporter, TestCase } from 'vitest/node';

/** Prints each skipped test with its reason, because Vitest's own summary only counts them. */
export const skipReasons = (): Reporter => {
  const skipped: string[] = [];
  return {
    onTestCaseResult: (test: TestCase) => {
      const result = test.result();
      if (result.state === 'skipped' && result.note !== undefined)
        skipped.push(`${test.module.relativeModuleId}: ${test.fullName}: ${result.note}`);
    },
    onTestRunEnd: () => {
      for (const line of skipped.splice(0)) process.stdout.write(`skipped: ${line}\n`);
    },
  };
};
