import { waitForStart } from './platform-start.js';

await waitForStart();
