/** The engine's own configuration: sized for a developer's machine, as a server's `config.xml` would be. */
export type EngineLimits = { memoryBytesMax: number };

const mebi = 1024 * 1024;

export const engineConfigXml = ({ memoryBytesMax }: EngineLimits): string => {
  const options: Record<string, number | string> = {
    max_server_memory_usage: memoryBytesMax,
    max_thread_pool_size: 200,
    max_thread_pool_free_size: 8,
    thread_pool_queue_size: 1000,
    background_pool_size: 2,
    background_merges_mutations_concurrency_ratio: 2,
    background_schedule_pool_size: 4,
    background_common_pool_size: 2,
    // How often it compares its count of memory with the system's; the default is 20 times a second.
    memory_worker_period_ms: 1_000,
    mark_cache_size: 16 * mebi,
    primary_index_cache_size: 8 * mebi,
    index_mark_cache_size: 4 * mebi,
    query_condition_cache_size: 4 * mebi,
    mmap_cache_size: 16,
    compiled_expression_cache_size: 8 * mebi,
    vector_similarity_index_cache_size: 1 * mebi,
    text_index_tokens_cache_size: 1 * mebi,
    text_index_header_cache_size: 1 * mebi,
    text_index_postings_cache_size: 1 * mebi,
    parquet_metadata_cache_size: 1 * mebi,
    iceberg_metadata_files_cache_size: 1 * mebi,
  };
  return `<clickhouse>\n${linesOf(options)}\n<merge_tree>\n${linesOf(mergeTree)}\n</merge_tree>\n</clickhouse>\n`;
};

/**
 * To ClickHouse all parts below some five megabytes are alike: by default five of them are merged, also where four are a row
 * each and the fifth is the whole table. So a small shop wrote its tables anew every few orders.
 */
const mergeTree = { merge_selector_base: 14 };

const linesOf = (options: Readonly<Record<string, number | string>>): string =>
  Object.entries(options)
    .map(([name, value]) => `  <${name}>${value}</${name}>`)
    .join('\n');
