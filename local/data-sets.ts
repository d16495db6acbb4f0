import { projectPath } from '#platform/project';

/**
 * The folder of the public data sets, which are too large for this repository: what needs one is left out where it is
 * missing. `CARTSTREAM_DATASETS`, else `shared/data` beside the checkout.
 */
export const dataSetsFolder = process.env.CARTSTREAM_DATASETS ?? projectPath('../shared/data');
