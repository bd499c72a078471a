"""What a trained encoder is compared with: the same network untrained, and plain pixels."""

from data.windows import Windows
from dsae import encoders
from dsae.commands.beside import beside
from dsae.commands.errors import UsageError
from dsae.encoder import ENCODE_CHUNK, Data, Encoder, as_float
from dsae.nn.normalisation import CALIBRATION_IMAGES, calibrate


def controls(encoder: Encoder, train: Windows) -> dict[str, Encoder]:
    """Return `pixels`, and `untrained` for an encoder that learns, normalised on training frames.

    Without that the untrained network's batch normalisation would divide by one, which training
    does at no step: a control too easily beaten. Its weights are those that were drawn, whatever an
    encoder begins its own with. It is left out where `train` lacks what the encoder needs beside
    the frames.
    """
    found = {"pixels": encoders.create("pixels", encoder.image_shape, seed=0)}
    data = _data(encoder, train) if encoder.learns else None
    if data is not None:
        found["untrained"] = _untrained(encoder, data)
    return {name: control.to(encoder.device).eval() for name, control in found.items()}


def _data(encoder: Encoder, train: Windows) -> Data | None:
    try:
        extra = beside(train, encoder.needs)
    except UsageError:
        return None
    sizes = {name: values.shape[1] for name, values in extra.items()}
    return Data(train.frames, **extra) if sizes == encoder.sizes else None


def _untrained(encoder: Encoder, data: Data) -> Encoder:
    control = encoders.create(
        encoders.family_of(encoder),
        encoder.image_shape,
        seed=0,
        settings=vars(encoder.config),
        sizes=encoder.sizes,
    ).to(encoder.device)
    drawn = {name: weight.detach().clone() for name, weight in control.named_parameters()}
    control.prepare(data)
    control.load_state_dict(drawn, strict=False)
    chunks = data.some_images(CALIBRATION_IMAGES).split(ENCODE_CHUNK)
    images = (as_float(chunk.to(encoder.device)) for chunk in chunks)
    calibrate(control, control.features_of, images)
    return control
