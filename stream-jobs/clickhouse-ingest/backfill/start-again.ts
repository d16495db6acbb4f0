import { PlatformError } from '#platform/errors';

/** Thrown where what a back-fill has cannot take the place of the live table. It has exchanged nothing by then. */
export class StartAgain extends PlatformError {
  constructor(found: string) {
    super('clickhouse_rejected', `${found}; start again with --again`, { retriable: false });
  }
}
