/* torsion.h - signatures that Ed25519 libraries answer differently; for key.c. */
#ifndef TORSION_H
#define TORSION_H

/* Cut from spec/vectors/signatures.txt: run at each start. A signature over kind
 * `statement`, swarm `vectors`; keys and signatures in hex; ANSWER is `ok` or the word of
 * refusal. Vector 1 is made so that a check with the cofactor takes it. */
struct torsion_vector {
  const char *name, *text, *public, *signature, *answer;
};

/* clang-format off */
static const struct torsion_vector torsion_vectors[] = {
  {"plain", "plain",
   "853142eea1a60dd4887389efe855a8372c7a34512315cb62a026fa15bf9fe874",
   "1042f7f07938fbe3e1e8e21690f0cdea65331df7f0a1128ade8a49c0ff37ca47"
   "927245ee7846433104ce7f0b11d72e60a64873c3114aee74df76e8ca704d3708", "ok"},
  {"R-plus-torsion-4", "R-4",
   "853142eea1a60dd4887389efe855a8372c7a34512315cb62a026fa15bf9fe874",
   "ddbd080f86c7041c1e171de96f0f32159acce2080f5eed752175b63f00c835b8"
   "f1d722775b13f8194a3867e5c802123892c5d7e2e54e2b9fef8c48d5322f1b05", "signature"},
  {"R-plus-torsion-2", "R-2",
   "853142eea1a60dd4887389efe855a8372c7a34512315cb62a026fa15bf9fe874",
   "120ec4420915fd603c66394ed7823a6a63dd53e516563db29fabd0f60a5792c6"
   "078c0db2b5a4a1205ba688f8a6982d0a2949246fc9388ea26847ed3479f2470e", "signature"},
  {"R-plus-torsion-1", "R-1",
   "853142eea1a60dd4887389efe855a8372c7a34512315cb62a026fa15bf9fe874",
   "5b8d093949e08759d3c60b96f223ca5b987e670742fb48345fbead9da960cfdc"
   "5859965a1baa4789098750cdde80fbda4e941671d4922b0227853dc38773b60d", "signature"},
  {"A-plus-torsion-4", "A-4",
   "68cebd115e59f22b778c761017aa57c8d385cbaedcea349d5fd905ea4060178b",
   "1042f7f07938fbe3e1e8e21690f0cdea65331df7f0a1128ade8a49c0ff37ca47"
   "acf4cfdd1965dcafd877e4b935ad5b8b609d4ee7bfc8ad7900f37e001d6fc300", "key"},
  {"A-plus-torsion-1", "A-1-2",
   "977b68dc53493096cd763f82d79866d1a801ba52433feb5594437c28f09e56a7",
   "1042f7f07938fbe3e1e8e21690f0cdea65331df7f0a1128ade8a49c0ff37ca47"
   "49bf8dd3c7fe6f63f2ba53627345bb2e86cb49cedf1fb710b8e64fe7b210fd0c", "key"},
  {"A-plus-torsion-1-cofactored", "Ac-1",
   "977b68dc53493096cd763f82d79866d1a801ba52433feb5594437c28f09e56a7",
   "1042f7f07938fbe3e1e8e21690f0cdea65331df7f0a1128ade8a49c0ff37ca47"
   "06e1c68b86740c272222bc3087244146fd5e9c28d2da8d23dd11c978c5288b0d", "signature"},
  {"A-small-order-0", "small-0-18",
   "0100000000000000000000000000000000000000000000000000000000000000",
   "1042f7f07938fbe3e1e8e21690f0cdea65331df7f0a1128ade8a49c0ff37ca47"
   "be1b94b7db44556eea7ee5fe981473a0bbe916ce1e0b6cfa0de53408dff0e303", "signature"},
  {"R-identity", "R-identity",
   "853142eea1a60dd4887389efe855a8372c7a34512315cb62a026fa15bf9fe874",
   "0100000000000000000000000000000000000000000000000000000000000000"
   "226a2668b7d307e29784266dec4e78c45ed05402a893fbdfc679501e4fb5f404", "signature"},
  {"S-plus-L", "S-plus-L",
   "853142eea1a60dd4887389efe855a8372c7a34512315cb62a026fa15bf9fe874",
   "1042f7f07938fbe3e1e8e21690f0cdea65331df7f0a1128ade8a49c0ff37ca47"
   "2b11b27ac84764c5db5f65bdce1b94d8ccb99751bced7aeb1b5a721d23b8a011", "signature"},
};
/* clang-format on */

#endif
