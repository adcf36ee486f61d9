/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import io.helidon.common.configurable.Resource;
import io.helidon.common.pki.Keys;
import io.helidon.common.tls.Tls;
import io.helidon.webserver.WebServer;
import io.zcbot.sandbox.gateway.keys.FileStamp;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The certificate and the key with which the gateway encrypts. The files are read again within
 * seconds after they changed, for connections that are made from then on. While they can't be used,
 * as between the replacements of one and the other, what was read last stays in force.
 */
final class TlsFiles {
  private static final Logger log = LoggerFactory.getLogger(TlsFiles.class);
  private static final Duration CHECK = Duration.ofSeconds(2);

  private final Path certificate;
  private final Path key;

  TlsFiles(Path certificate, Path key) {
    this.certificate = certificate;
    this.key = key;
  }

  /** Both files as they are at some time. */
  private record Stamps(FileStamp certificate, FileStamp key) {}

  private Stamps stamps() throws IOException {
    return new Stamps(FileStamp.of(certificate), FileStamp.of(key));
  }

  /**
   * Reads the files.
   *
   * @throws IOException if they can't be read, or do not belong together
   */
  Tls read() throws IOException {
    try {
      Resource chainText = Resource.create("certificate", Files.readAllBytes(certificate));
      Resource keyText = Resource.create("key", Files.readAllBytes(key));
      Keys keys = Keys.builder().pem(pem -> pem.certChain(chainText).key(keyText)).build();
      List<X509Certificate> chain = keys.certChain();
      PrivateKey own = keys.privateKey().orElseThrow();
      requirePair(chain.getFirst().getPublicKey(), own);
      return Tls.builder().privateKey(own).privateKeyCertChain(chain).build();
    } catch (GeneralSecurityException | RuntimeException e) {
      throw new IOException(
          "the certificate in "
              + certificate
              + " and the key in "
              + key
              + " can't be used: "
              + e.getMessage()
              + "; both are in the form PEM, the certificate with those that signed it after it,"
              + " the key as PKCS#8 without a password",
          e);
    }
  }

  private static void requirePair(PublicKey known, PrivateKey own) throws GeneralSecurityException {
    String algorithm =
        switch (known.getAlgorithm()) {
          case "RSA" -> "SHA256withRSA";
          case "EC" -> "SHA256withECDSA";
          default -> known.getAlgorithm();
        };
    byte[] text = {1};
    Signature signature = Signature.getInstance(algorithm);
    signature.initSign(own);
    signature.update(text);
    byte[] signed = signature.sign();
    signature.initVerify(known);
    signature.update(text);
    if (!signature.verify(signed)) {
      throw new GeneralSecurityException("the key is not that of the certificate");
    }
  }

  /** Gives a server what the files have, whenever they changed, until it stops. */
  void follow(WebServer server) throws IOException {
    Stamps read = stamps();
    Thread.ofVirtual().name("tls-files").start(() -> follow(server, read));
  }

  private void follow(WebServer server, Stamps read) {
    Stamps tried = read;
    try {
      while (server.isRunning()) {
        Thread.sleep(CHECK);
        try {
          Stamps current = stamps();
          if (!current.equals(tried)) {
            tried = current;
            server.reloadTls(read());
            log.info("read {} and {} again", certificate, key);
          }
        } catch (IOException e) {
          log.warn("the certificate stays as it was: {}", e.getMessage());
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
