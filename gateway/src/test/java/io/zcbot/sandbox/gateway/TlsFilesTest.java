/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.helidon.webserver.WebServer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A certificate from files, on a server without routes. GatewayKilledIT has the whole gateway. */
class TlsFilesTest {
  private static final char[] PASSWORD = "changeit".toCharArray();

  @TempDir private Path directory;

  private Path certificate() {
    return directory.resolve("tls.crt");
  }

  private Path key() {
    return directory.resolve("tls.key");
  }

  /** Makes a certificate and its key with the JDK's own tool. */
  private KeyStore.PrivateKeyEntry made(String name, String algorithm) throws Exception {
    Path store = directory.resolve(name + ".p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "own",
                "-keyalg",
                algorithm,
                "-dname",
                "CN=" + name,
                "-storetype",
                "PKCS12",
                "-keystore",
                store.toString(),
                "-storepass",
                new String(PASSWORD))
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("keytool.log").toFile())
            .start();
    assertThat(keytool.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(keytool.exitValue()).isZero();
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, PASSWORD);
    }
    return (KeyStore.PrivateKeyEntry)
        keys.getEntry("own", new KeyStore.PasswordProtection(PASSWORD));
  }

  private void writeCertificate(KeyStore.PrivateKeyEntry entry) throws Exception {
    write(certificate(), "CERTIFICATE", entry.getCertificate().getEncoded());
  }

  private void writeKey(KeyStore.PrivateKeyEntry entry) throws Exception {
    write(key(), "PRIVATE KEY", entry.getPrivateKey().getEncoded());
  }

  private static void write(Path file, String kind, byte[] content) throws IOException {
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    Files.writeString(
        fresh,
        "-----BEGIN %1$s-----\n%2$s\n-----END %1$s-----\n"
            .formatted(kind, Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(content)));
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  @Test
  void aCertificateIsReplacedWhileTheServerRuns() throws Exception {
    KeyStore.PrivateKeyEntry first = made("first", "EC");
    writeCertificate(first);
    writeKey(first);
    TlsFiles files = new TlsFiles(certificate(), key());
    WebServer server =
        WebServer.builder().host("127.0.0.1").port(0).tls(files.read()).build().start();
    try {
      files.follow(server);
      assertThat(shown(server.port())).isEqualTo(first.getCertificate());
      KeyStore.PrivateKeyEntry second = made("second", "RSA");
      writeCertificate(second);
      Thread.sleep(5000); // the server looks, and finds a certificate that its key is not of
      assertThat(shown(server.port())).isEqualTo(first.getCertificate());
      writeKey(second);
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
      while (!shown(server.port()).equals(second.getCertificate())) {
        assertThat(System.nanoTime()).as("the second certificate is not served").isLessThan(end);
        Thread.sleep(100);
      }
    } finally {
      server.stop();
    }
  }

  @Test
  void whatIsWrongIsTold() throws Exception {
    KeyStore.PrivateKeyEntry entry = made("first", "EC");
    writeCertificate(entry);
    TlsFiles files = new TlsFiles(certificate(), key());
    assertThatThrownBy(files::read).isInstanceOf(IOException.class).hasMessageContaining("tls.key");
    Files.writeString(key(), "no key");
    assertThatThrownBy(files::read).isInstanceOf(IOException.class).hasMessageContaining("PKCS#8");
    writeKey(made("another", "EC"));
    assertThatThrownBy(files::read)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("not that of the certificate");
  }

  /** Returns the certificate that a server shows to a new connection. */
  private static Certificate shown(int port) throws Exception {
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, new TrustManager[] {new Trusting()}, null);
    try (SSLSocket socket =
        (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", port)) {
      socket.setSoTimeout(60_000);
      socket.startHandshake();
      return socket.getSession().getPeerCertificates()[0];
    }
  }

  /** Trusts everybody: the test looks at the certificate itself. */
  private static final class Trusting implements X509TrustManager {
    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) {}

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
