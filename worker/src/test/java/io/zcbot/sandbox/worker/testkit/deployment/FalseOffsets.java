/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.DefaultRecord;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.RequestHeader;

/**
 * A producer whose records state offsets of its choice. Brokers check only the number of records of
 * an uncompressed batch, not the offset that each of them states.
 */
public final class FalseOffsets {
  /** The last version in which a request names topics, so that their ids need not be known. */
  private static final short VERSION = 9;

  private static final short RESPONSE_HEADER = 1;

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final String host;
  private final int port;

  /** Sends to the only broker, without encryption. */
  public FalseOffsets(String bootstrapServers) {
    String[] parts = bootstrapServers.replaceFirst(".*://", "").split(":");
    this.host = parts[0];
    this.port = Integer.parseInt(parts[1]);
  }

  /**
   * Sends one batch, and waits until the broker has taken it.
   *
   * @param deltas for each record what it states: its offset's distance from that of the batch;
   *     those of an ordinary producer are 0, 1, 2 and so on
   * @return the offset of the batch
   */
  public long send(TopicPartition to, byte[] key, byte[] value, int... deltas) throws IOException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    ProduceResponseData.PartitionProduceResponse answer = request(to, key, value, deltas);
    while (answer.errorCode() == Errors.NOT_LEADER_OR_FOLLOWER.code()
        && System.nanoTime() < deadline) {
      answer = request(to, key, value, deltas); // of a topic that was just created
    }
    assertThat(answer.errorCode()).as("%s", answer).isZero();
    return answer.baseOffset();
  }

  private ProduceResponseData.PartitionProduceResponse request(
      TopicPartition to, byte[] key, byte[] value, int... deltas) throws IOException {
    ProduceRequestData.TopicProduceDataCollection topics =
        new ProduceRequestData.TopicProduceDataCollection();
    topics.add(
        new ProduceRequestData.TopicProduceData()
            .setName(to.topic())
            .setPartitionData(
                List.of(
                    new ProduceRequestData.PartitionProduceData()
                        .setIndex(to.partition())
                        .setRecords(batch(key, value, deltas)))));
    ProduceRequest request =
        new ProduceRequest(
            new ProduceRequestData().setAcks((short) -1).setTimeoutMs(30_000).setTopicData(topics),
            VERSION);
    ByteBuffer bytes =
        request.serializeWithHeader(
            new RequestHeader(ApiKeys.PRODUCE, VERSION, "false-offsets", 1));
    try (Socket socket = new Socket(host, port)) {
      socket.setSoTimeout((int) PATIENCE.toMillis());
      DataOutputStream out = new DataOutputStream(socket.getOutputStream());
      out.writeInt(bytes.remaining());
      out.write(bytes.array(), bytes.arrayOffset() + bytes.position(), bytes.remaining());
      out.flush();
      DataInputStream in = new DataInputStream(socket.getInputStream());
      ByteBufferAccessor answer =
          new ByteBufferAccessor(ByteBuffer.wrap(in.readNBytes(in.readInt())));
      new ResponseHeaderData().read(answer, RESPONSE_HEADER);
      return new ProduceResponseData(answer, VERSION)
          .responses()
          .iterator()
          .next()
          .partitionResponses()
          .getFirst();
    }
  }

  private static MemoryRecords batch(byte[] key, byte[] value, int[] deltas) throws IOException {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(body);
    for (int delta : deltas) {
      int unused =
          DefaultRecord.writeTo(
              out, delta, 0, ByteBuffer.wrap(key), ByteBuffer.wrap(value), new Header[0]);
    }
    int size = DefaultRecordBatch.RECORD_BATCH_OVERHEAD + body.size();
    ByteBuffer batch = ByteBuffer.allocate(size);
    batch.position(DefaultRecordBatch.RECORD_BATCH_OVERHEAD).put(body.toByteArray()).position(0);
    long now = System.currentTimeMillis();
    DefaultRecordBatch.writeHeader(
        batch,
        0,
        deltas.length - 1,
        size,
        RecordBatch.MAGIC_VALUE_V2,
        CompressionType.NONE,
        TimestampType.CREATE_TIME,
        now,
        now,
        RecordBatch.NO_PRODUCER_ID,
        RecordBatch.NO_PRODUCER_EPOCH,
        RecordBatch.NO_SEQUENCE,
        false,
        false,
        false,
        RecordBatch.NO_PARTITION_LEADER_EPOCH,
        deltas.length);
    return MemoryRecords.readableRecords(batch.clear());
  }
}
