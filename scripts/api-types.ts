import openapiTS, { astToString } from 'openapi-typescript';
import { mergedOpenApiDocument } from './openapi-document.js';

export const apiTypesFile = 'web/api/schema.d.ts';

/** The types of every request and answer, from the document that the gateway serves. */
export const apiTypes = async (): Promise<string> => {
  const document = await mergedOpenApiDocument();
  return [
    '// Generated from the merged OpenAPI document by `npm run generate`; do not edit.',
    '',
    astToString(await openapiTS(document as never, { exportType: false, silent: true })),
  ].join('\n');
};
