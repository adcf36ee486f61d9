package io.zcbot.sandbox.worker.intake;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends records on, each on a thread of its own, since that waits for the log. Meanwhile they are
 * held in memory, and what is no event may be as large as the log takes: so they are bounded in
 * bytes, by who reads.
 */
final class Diverter implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Diverter.class);

  static final long MOST_BYTES = 4L << 20;

  /** Counted for each besides what is in it: small ones take threads. */
  private static final int OVERHEAD_BYTES = 4096;

  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final AtomicLong bytes = new AtomicLong();

  interface Diversion {
    void run() throws InterruptedException;
  }

  /** Whether there is so much under way that nothing more should be read. */
  boolean isFull() {
    return bytes.get() >= MOST_BYTES;
  }

  /**
   * Sends a record on. Does not block, however full it is.
   *
   * @param done run once the log has it; never, where the worker stops before
   */
  void divert(ConsumerRecord<byte[], byte[]> record, Diversion diversion, Runnable done) {
    long size = sizeOf(record);
    bytes.addAndGet(size);
    var _ =
        threads.submit(
            () -> {
              try {
                diversion.run();
                done.run();
              } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
              } catch (RuntimeException e) {
                log.error("a record could not be sent on; please report this", e);
              } finally {
                bytes.addAndGet(-size);
              }
            });
  }

  private static long sizeOf(ConsumerRecord<byte[], byte[]> record) {
    long size = OVERHEAD_BYTES;
    size += length(record.key());
    size += length(record.value());
    for (Header header : record.headers()) {
      size += header.key().length();
      size += length(header.value());
    }
    return size;
  }

  private static int length(byte[] bytes) {
    return bytes == null ? 0 : bytes.length;
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
