import { z } from 'zod';
import type { HttpApp } from '#platform/http/http-app';
import { problems } from '#platform/http/problem-details';
import { columnsOf, rowResponse } from '#platform/http/row-formats';
import { queryBody, queryRow, questionOf } from './query.js';
import { datasets, modelRows, operatorNames, operators } from './query-model.js';
import { truncatedField, tzWithoutDays } from './question.js';
import {
  analysts,
  answerOfRows,
  answerTo,
  type EndpointDeps,
  refuse,
  sendAnswer,
  tags,
} from './row-routes.js';

const queryDescription = `A question of one's own over the model (\`GET /api/analytics/model\`). All measures and dimensions are of the same set of facts. Distinct counts are exact for each row, so rows are never to be added up to one. Rows with money always have their currency, because amounts of different currencies are never added up. Without \`granularity\` there is one row for the period, or one for each combination of the dimensions; without \`from\` it is the last 30 days, or as for /revenue. Operators: ${operatorNames.map((name) => `\`${name}\` ${operators[name]}`).join('; ')}. A query that would read or take more than one may is refused with 422.`;

export const queryRoutes = (app: HttpApp, deps: EndpointDeps): void => {
  queryRoute(app, deps);
  modelRoute(app, deps);
};

const queryRoute = (app: HttpApp, { answers, clock, texts }: EndpointDeps): void => {
  app.post(
    '/api/analytics/query',
    {
      access: analysts,
      // It asks, and changes nothing.
      scope: 'analytics:read',
      schema: {
        tags,
        summary: 'A question of measures by dimensions.',
        description: queryDescription,
        body: queryBody,
        response: {
          200: rowResponse(answerOfRows('AnalyticsQueryAnswer', queryRow, truncatedField)),
          ...problems(406, 422, 503),
        },
      },
    },
    (request, reply) => {
      const question = questionOf(request.body, clock.nowMs());
      if ('refused' in question) return refuse(question.refused);
      const { columns } = question;
      return sendAnswer(request, reply, { name: 'query', columns, texts }, () => answerTo(question, answers));
    },
  );
};

const modelRow = z.object({
  name: z.string(),
  kind: z.enum(['measure', 'dimension']),
  datasets: z.array(z.enum(datasets)),
  type: z.enum(['money', 'number', 'text']).describe('Money is in minor units.'),
  operators: z.array(z.enum(operatorNames)).describe('Those that a filter on it may have.'),
  description: z.string(),
});

const modelRoute = (app: HttpApp, { answers, texts }: EndpointDeps): void => {
  app.get(
    '/api/analytics/model',
    {
      access: analysts,
      schema: {
        tags,
        summary: 'The measures and dimensions of POST /api/analytics/query.',
        querystring: z.strictObject({ tz: tzWithoutDays }),
        response: { 200: rowResponse(answerOfRows('AnalyticsModel', modelRow)), ...problems(406, 503) },
      },
    },
    (request, reply) =>
      sendAnswer(request, reply, { name: 'model', columns: columnsOf(modelRow), texts }, async () => ({
        found: [],
        answer: () => ({ items: modelRows() }),
        reading: await answers.salesAndActivity.reading(),
      })),
  );
};
