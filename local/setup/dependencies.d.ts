/** Options of `npm install` that overrule a configuration which would have it install elsewhere, or nothing. */
export declare const installsHere: readonly string[];

/** Brings `node_modules` to what the lock file says, all of it. Does nothing when it is so already. Rejects with one line. */
export function installDependencies(root: string): Promise<void>;
