export declare const nodeMajorWanted: number;
export declare function runtimeOf(
  root: string,
  running?: { versions: { node: string }; execPath: string },
): string;
export declare function continueWith(execPath: string, args: readonly string[]): Promise<never>;
export declare function endWithParent(): void;
