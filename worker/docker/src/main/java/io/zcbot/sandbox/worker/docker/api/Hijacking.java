/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import com.github.dockerjava.api.exception.DockerException;
import io.zcbot.sandbox.worker.base.Threads;
import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Requests that turn an HTTP connection into a raw stream in each direction; the engine's API calls
 * this hijacking, see "Transport" in its description of attach. docker-java uses a platform thread
 * for each direction; here a virtual thread sends the input and the caller reads the output.
 */
final class Hijacking implements Closeable {
  private static final Logger log = LoggerFactory.getLogger(Hijacking.class);

  private static final int MOST_EXPLAINED = 64 << 10;
  private static final int PIECE = 16 << 10;
  private static final int SWITCHED = 101;

  /** Bytes of output that are read before other threads may run, which takes some 20 µs. */
  private static final int TURN = 64 << 10;

  private final EngineSocket engine;
  private final Set<SocketChannel> open = ConcurrentHashMap.newKeySet();

  Hijacking(EngineSocket engine) {
    this.engine = engine;
  }

  /**
   * Sends a request on a new connection and returns the output stream. Closing that, from any
   * thread, closes the connection. The end of the input is not signalled to the engine, because the
   * engine would then end the output too.
   *
   * @param input read by another thread until its end, and sent
   * @throws DockerException if the engine refuses
   */
  InputStream post(String target, String json, InputStream input) throws IOException {
    SocketChannel channel = engine.open();
    open.add(channel);
    boolean taken = false;
    try {
      EngineSocket.Streams connection = engine.connect(channel);
      byte[] body = json.getBytes(StandardCharsets.UTF_8);
      List<String> head =
          List.of(
              "POST " + target + " HTTP/1.1",
              "Host: docker",
              "Connection: Upgrade",
              "Upgrade: tcp",
              "Content-Type: application/json",
              "Content-Length: " + body.length);
      connection
          .out()
          .write((String.join("\r\n", head) + "\r\n\r\n").getBytes(StandardCharsets.ISO_8859_1));
      connection.out().write(body);
      connection.out().flush();
      InputStream answer = new BufferedInputStream(inTurns(connection.in()));
      expectSwitch(answer);
      Threads.start("engine-input", () -> send(input, connection.out()));
      taken = true;
      return new FilterInputStream(answer) {
        @Override
        public void close() throws IOException {
          end(channel);
        }
      };
    } finally {
      if (!taken) {
        end(channel);
      }
    }
  }

  /**
   * Lets other threads run after some bytes. A virtual thread leaves its processor only where it
   * waits, and whoever reads what a sandbox writes without end never has to. To yield is not
   * enough: the scheduler then often takes the same thread again.
   */
  private static InputStream inTurns(InputStream in) {
    return new FilterInputStream(in) {
      private int turn;

      @Override
      public int read(byte[] into, int offset, int length) throws IOException {
        if (turn >= TURN) {
          turn = 0;
          LockSupport.parkNanos(1);
        }
        int read = super.read(into, offset, length);
        turn += Math.max(read, 0);
        return read;
      }
    };
  }

  /** Closes all open connections. */
  @Override
  public void close() throws IOException {
    for (SocketChannel channel : open) {
      end(channel);
    }
  }

  private void end(SocketChannel channel) throws IOException {
    open.remove(channel);
    channel.close();
  }

  private static void send(InputStream input, OutputStream out) {
    byte[] buffer = new byte[PIECE];
    try {
      for (int read = input.read(buffer); read >= 0; read = input.read(buffer)) {
        out.write(buffer, 0, read);
        out.flush();
      }
    } catch (IOException e) {
      // the reader of the output notices the failure too
      log.debug("Sending to a container ended", e);
    }
  }

  private static void expectSwitch(InputStream answer) throws IOException {
    AnswerHead head = AnswerHead.read(answer);
    if (head.status() != SWITCHED) {
      throw head.refusal(answer.readNBytes(Math.clamp(head.length(), 0, MOST_EXPLAINED)));
    }
  }
}
