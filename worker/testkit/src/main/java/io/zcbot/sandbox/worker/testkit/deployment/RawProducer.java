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
import java.util.Set;
import java.util.zip.GZIPOutputStream;
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
 * A producer with a protocol implementation of its own, which sends what no ordinary one does, and
 * what brokers accept.
 */
public final class RawProducer {
  /** The last version in which a request names topics, so that their ids need not be known. */
  private static final short VERSION = 9;

  private static final short RESPONSE_HEADER = 1;

  /** What a broker answers until it knows about a topic that was just created. */
  private static final Set<Errors> OF_NEW_TOPICS =
      Set.of(Errors.NOT_LEADER_OR_FOLLOWER, Errors.UNKNOWN_TOPIC_OR_PARTITION);

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final String host;
  private final int port;

  /** Sends to the only broker, without encryption. */
  public RawProducer(String bootstrapServers) {
    String[] parts = bootstrapServers.replaceFirst(".*://", "").split(":");
    this.host = parts[0];
    this.port = Integer.parseInt(parts[1]);
  }

  /**
   * Sends a compressed batch of one record that no consumer can read, because it states another
   * length than it has. Brokers do not check that if they store what was sent.
   *
   * @return its offset
   */
  public long sendUnreadable(TopicPartition to) throws IOException {
    byte[] record = record();
    record[0] += 10; // a zigzag number: the length and five more
    ByteArrayOutputStream compressed = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(compressed)) {
      gzip.write(record);
    }
    return send(to, batch(compressed.toByteArray()));
  }

  private long send(TopicPartition to, MemoryRecords batch) throws IOException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    ProduceResponseData.PartitionProduceResponse answer = request(to, batch);
    while (OF_NEW_TOPICS.contains(Errors.forCode(answer.errorCode()))
        && System.nanoTime() < deadline) {
      answer = request(to, batch);
    }
    assertThat(answer.errorCode()).as("%s", answer).isZero();
    return answer.baseOffset();
  }

  private ProduceResponseData.PartitionProduceResponse request(
      TopicPartition to, MemoryRecords batch) throws IOException {
    ProduceRequestData.TopicProduceDataCollection topics =
        new ProduceRequestData.TopicProduceDataCollection();
    topics.add(
        new ProduceRequestData.TopicProduceData()
            .setName(to.topic())
            .setPartitionData(
                List.of(
                    new ProduceRequestData.PartitionProduceData()
                        .setIndex(to.partition())
                        .setRecords(batch))));
    ProduceRequest request =
        new ProduceRequest(
            new ProduceRequestData().setAcks((short) -1).setTimeoutMs(30_000).setTopicData(topics),
            VERSION);
    ByteBuffer bytes =
        request.serializeWithHeader(new RequestHeader(ApiKeys.PRODUCE, VERSION, "raw", 1));
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

  private static byte[] record() throws IOException {
    ByteArrayOutputStream record = new ByteArrayOutputStream();
    ByteBuffer one = ByteBuffer.allocate(1);
    int unused = DefaultRecord.writeTo(new DataOutputStream(record), 0, 0, one, one, new Header[0]);
    return record.toByteArray();
  }

  private static MemoryRecords batch(byte[] records) {
    int size = DefaultRecordBatch.RECORD_BATCH_OVERHEAD + records.length;
    ByteBuffer batch = ByteBuffer.allocate(size);
    batch.position(DefaultRecordBatch.RECORD_BATCH_OVERHEAD).put(records).position(0);
    long now = System.currentTimeMillis();
    DefaultRecordBatch.writeHeader(
        batch,
        0,
        0,
        size,
        RecordBatch.MAGIC_VALUE_V2,
        CompressionType.GZIP,
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
        1);
    return MemoryRecords.readableRecords(batch.clear());
  }
}
