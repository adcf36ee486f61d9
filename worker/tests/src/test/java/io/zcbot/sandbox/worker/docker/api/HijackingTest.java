/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.dockerjava.api.exception.DockerException;
import com.github.dockerjava.transport.SSLConfig;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HijackingTest {
  private static final char[] PASSWORD = "changeit".toCharArray();
  private static final String SWITCH =
      "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

  /** Answers one request with a text, and then with what it is sent. */
  private static final class Engine implements AutoCloseable {
    private final ServerSocket server;
    private final CountDownLatch over = new CountDownLatch(1);

    Engine(ServerSocket server, String answer) {
      this.server = server;
      Thread.ofVirtual()
          .start(
              () -> {
                try (Socket socket = server.accept()) {
                  InputStream in = socket.getInputStream();
                  StringBuilder head = new StringBuilder();
                  while (head.indexOf("\r\n\r\n") < 0) {
                    head.append((char) in.read());
                  }
                  socket.getOutputStream().write(answer.getBytes(UTF_8));
                  in.transferTo(socket.getOutputStream());
                  over.countDown();
                } catch (IOException e) {
                  // the test sees what it does not get
                }
              });
    }

    Hijacking at(String host, @Nullable SSLConfig tls) {
      return HijackingTest.at(host, server, tls);
    }

    @Override
    public void close() throws IOException {
      server.close();
    }
  }

  private static Hijacking at(String host, ServerSocket server, @Nullable SSLConfig tls) {
    return new Hijacking(
        new EngineSocket(URI.create("tcp://" + host + ":" + server.getLocalPort()), tls));
  }

  private static Engine plain(String answer) throws IOException {
    return new Engine(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()), answer);
  }

  private static InputStream input(String text) {
    InputQueue input = new InputQueue(1000);
    input.offer(text.getBytes(UTF_8), 0);
    return input;
  }

  @Test
  void whatFollowsTheHeadBelongsToTheStream() throws Exception {
    try (Engine engine = plain(SWITCH + "at once ");
        Hijacking hijacking = engine.at("127.0.0.1", null);
        InputStream answer = hijacking.post("/x", "", input("echo"))) {
      assertThat(answer.readNBytes(12)).asString().isEqualTo("at once echo");
    }
  }

  /** An engine that sees the end of a standard input ends the output as well. */
  @Test
  void theEndOfTheInputDoesNotEndTheConnection() throws Exception {
    try (Engine engine = plain(SWITCH + "x");
        Hijacking hijacking = engine.at("127.0.0.1", null)) {
      InputStream answer = hijacking.post("/x", "", InputStream.nullInputStream());
      assertThat(answer.read()).isEqualTo('x');
      assertThat(engine.over.await(200, TimeUnit.MILLISECONDS)).isFalse();
      answer.close();
      assertThat(engine.over.await(30, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void aRefusalIsTheEnginesOwn() throws Exception {
    try (Engine engine =
            plain("HTTP/1.1 404 Not Found\r\nContent-Length: 15\r\n\r\n{\"message\":\"x\"}");
        Hijacking hijacking = engine.at("127.0.0.1", null)) {
      assertThatThrownBy(() -> hijacking.post("/x", "", input("")))
          .isInstanceOfSatisfying(
              DockerException.class, e -> assertThat(e.getHttpStatus()).isEqualTo(404))
          .hasMessageContaining("{\"message\":\"x\"}");
    }
  }

  @Test
  void aHeadThatDoesNotEndIsNotKept() throws Exception {
    try (Engine engine = plain("HTTP/1.1 101 X\r\n" + "a: b\r\n".repeat(10_000));
        Hijacking hijacking = engine.at("127.0.0.1", null)) {
      assertThatThrownBy(() -> hijacking.post("/x", "", input("")))
          .isInstanceOf(IOException.class)
          .hasMessage("the head of the engine's answer does not end");
    }
  }

  @Test
  void closingEndsAReaderThatWaits() throws Exception {
    try (Engine engine = plain(SWITCH)) {
      Hijacking hijacking = engine.at("127.0.0.1", null);
      InputStream answer = hijacking.post("/x", "", input(""));
      Thread reader =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      answer.read();
                    } catch (IOException e) {
                      // it was closed
                    }
                  });
      TimeUnit.MILLISECONDS.sleep(50);

      hijacking.close();

      assertThat(reader.join(Duration.ofSeconds(30))).isTrue();
    }
  }

  /** As many readers as virtual threads can run at once, and each slower than what it reads. */
  @Test
  void whatIsReadWithoutEndHoldsUpNobodyElse() throws Exception {
    int readers =
        Integer.getInteger(
            "jdk.virtualThreadScheduler.parallelism", Runtime.getRuntime().availableProcessors());
    CountDownLatch reading = new CountDownLatch(readers);
    CountDownLatch ran = new CountDownLatch(1);
    try (ServerSocket server = new ServerSocket(0, readers, InetAddress.getLoopbackAddress());
        Hijacking hijacking = at("127.0.0.1", server, null)) {
      for (int i = 0; i < readers; i++) {
        Thread.ofPlatform().daemon().start(() -> writeWithoutEnd(server));
        Thread.ofVirtual().start(() -> readSlowly(hijacking, reading));
      }
      assertThat(reading.await(60, TimeUnit.SECONDS)).isTrue();

      Thread.ofVirtual().start(ran::countDown);

      assertThat(ran.await(60, TimeUnit.SECONDS)).isTrue();
    }
  }

  private static void writeWithoutEnd(ServerSocket server) {
    try (Socket socket = server.accept()) {
      OutputStream out = socket.getOutputStream();
      out.write(SWITCH.getBytes(UTF_8));
      while (true) {
        out.write(new byte[1 << 16]);
      }
    } catch (IOException e) {
      // the test is over
    }
  }

  private static void readSlowly(Hijacking hijacking, CountDownLatch reading) {
    try (InputStream answer = hijacking.post("/x", "", InputStream.nullInputStream())) {
      for (int read = 0; answer.read() >= 0; read++) {
        for (int pause = 0; pause < 10; pause++) {
          Thread.onSpinWait();
        }
        if (read == 1 << 17) {
          reading.countDown();
        }
      }
    } catch (IOException e) {
      // the test sees that it does not read
    }
  }

  @Test
  void anEncryptedEngineMustBeTheOneThatIsNamed(@TempDir Path directory) throws Exception {
    SSLContext tls = contextFor("localhost", directory);
    try (Engine engine = new Engine(encrypted(tls), SWITCH);
        Hijacking hijacking = engine.at("localhost", () -> tls);
        InputStream answer = hijacking.post("/x", "", input("secret"))) {
      assertThat(answer.readNBytes(6)).asString().isEqualTo("secret");
    }
    try (Engine engine = new Engine(encrypted(tls), SWITCH);
        Hijacking hijacking = engine.at("127.0.0.1", () -> tls)) {
      assertThatThrownBy(() -> hijacking.post("/x", "", input("secret")))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("127.0.0.1");
    }
  }

  private static ServerSocket encrypted(SSLContext tls) throws IOException {
    return tls.getServerSocketFactory().createServerSocket(0, 1, InetAddress.getLoopbackAddress());
  }

  /** A context that has a key, and trusts only that key. */
  private static SSLContext contextFor(String host, Path directory) throws Exception {
    Path file = directory.resolve("key.p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-keyalg",
                "EC",
                "-alias",
                "engine",
                "-dname",
                "CN=" + host,
                "-ext",
                "san=dns:" + host,
                "-storepass",
                new String(PASSWORD),
                "-keystore",
                file.toString())
            .inheritIO()
            .start();
    assertThat(keytool.waitFor(60, TimeUnit.SECONDS)).isTrue();
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(file)) {
      store.load(in, PASSWORD);
    }
    KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(store, PASSWORD);
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }
}
