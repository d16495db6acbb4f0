export declare const isFree: (port: number) => Promise<boolean>;
export declare const portTaken: (port: number, how?: string) => string;
