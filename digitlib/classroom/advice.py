"""What a teacher may say to the class about each exercise. This module gives the answers away."""

# fmt: off
ADVICE = {
    "training shape": "Read a shape from the left: which axis counts the images, and how many "
        "are left once 5,000 have been set aside for validation? (55000, 28, 28).",
    "pixel type": "256 grey levels fit exactly into one unsigned byte: uint8. Have the class "
        "name the range of int8, -128 to 127, and see that 255 does not fit.",
    "input shape": "Keras expects an axis for channels, last, even if there is only one: "
        "(55000, 28, 28, 1). Ask how long this axis would be for a colour photograph.",
    "one-hot": "Count the positions from zero together: the digit 3 sets the fourth position to "
        "1. The digit says where the 1 goes; the entry is never the digit itself.",
    "choosing": "Images that helped to choose a network no longer give an unbiased estimate of "
        "its accuracy. Choose on the validation images, and use the test images once, at the end.",
    "one update": "Write all three steps on the board: slope 8, step 0.1 * 8, new weight 4 - "
        "0.8 = 3.2. Ask which way a negative slope would move the weight.",
    "learning rate": "The weight jumps across the minimum at each step, and still comes closer. "
        "Compare the factor that multiplies the distance: 0.92, 0.6, -0.6 and -1.08.",
    "dense parameters": "Each unit has one weight for each input, and one bias: (784 + 1) * 128 "
        "+ (128 + 1) * 10. Layers are added, not multiplied.",
    "why shifts hurt": "A dense layer ties every weight to one pixel. Move the digit, and it "
        "falls on other weights, which have never learned this shape.",
    "hand convolution": "Work through one position aloud: lay the kernel on the corner, "
        "multiply the four pairs, and add the products. Keras does not flip the kernel, and it "
        "stays inside the image.",
    "convolve2d": "Have someone write down the shape of the result before any loop: rows minus "
        "kernel rows plus one. Then each position is one window, multiplied and summed.",
    "two channels": "Each channel has a kernel of its own; all products of the window are "
        "summed over both channels, and one bias is added: 11.",
    "ReLU": "Negative values become 0, all others stay. np.maximum(values, 0) compares element "
        "by element; Python's max needs a single True or False, so it fails on an array.",
    "max-pool": "Windows of 2 x 2 do not overlap, each keeps its largest value, and a leftover "
        "row or column is dropped.",
    "first layer": "25 weights and one bias for each of the 16 filters: 416. The image may be "
        "of any size, because the same weights visit every position.",
    "second layer": "Each of the 32 filters looks at all 16 channels: (3 * 3 * 16 + 1) * 32. It "
        "has one bias, however many channels it sees.",
    "output shapes": "Go through the layers with one image: a convolution loses the border, "
        "pooling halves rows and columns, and the number of filters sets the channels.",
    "dense weights": "Flatten lines up 5 * 5 * 32 = 800 values, so the layer has (800 + 1) * "
        "128 weights and biases. Most of the network's weights are here.",
    "initial loss": "An untrained network gives each digit a probability of about 0.1, and "
        "-ln(0.1) is 2.30. If the first loss is far from this, something is wrong before training "
        "begins.",
    "learning curves": "Look at when the curves part: the training loss falls on while the "
        "validation loss rises. That divergence is the sign of overfitting.",
    "why it falls": "When the digit moves, the feature maps of a convolution move with it. "
        "Flatten followed by a dense layer ties weights to places again: that is the part to "
        "replace.",
    "recall": "Recall asks, of all that are class 1, how many were found: a row, 40 of 50. "
        "Precision asks, of all that were called class 1, how many are: a column, 40 of 45.",
    "softmax": "Each row is one image and must sum to 1, so use axis=1 and keepdims=True. "
        "Subtract the maximum of each row first: exp(1000) is infinite.",
    "from scratch": "Check the four usual culprits: divide by 255, add the channel axis, hold "
        "out the same validation images (seed 0), and end with softmax.",
    "output size": "Count the positions of the kernel: (size + 2 * padding - kernel) // stride "
        "+ 1. Padding is added on both sides, and the division rounds down.",
    "receptive field": "Work backwards: the second kernel covers 5 pooled values, these cover "
        "10 values before the pooling, and those see 10 + 4 = 14 pixels.",
    "layer to shape": "Stride 2 halves the size, padding='same' pads the border so that 28 "
        "becomes 14, not 13, and 16 filters make 16 channels. Pooling cannot change the number of "
        "channels.",
    "augmentation": "Ask of each change: would a person still give the same label? A mirrored "
        "or upside-down digit is often another digit, or none.",
    "small network": "Have the class find most of the weights with model.summary(): they are "
        "nearly always in the first dense layer. Pool more before it, or average each map.",
    "searching": "The best of many tries was partly lucky. Train the winner again with other "
        "seeds, and measure it on images that were not used for choosing.",
    "trainable weights": "Frozen layers keep their weights. Only the new dense layer learns: "
        "(800 + 1) * 5 = 4,005.",
    "faults": "Compare where each loss starts, how low it gets, and whether validation follows "
        "training: 42135. Ask which evidence would tell two of the faults apart.",
    "interval": "The width is inversely proportional to the square root of the number of "
        "images: four times the images, half the width. The seed is another source of variation.",
    "better": "Before anyone names a winner, ask for an interval for the difference, from "
        "several seeds or an image-by-image comparison. If it contains 0, the question is open.",
    "sure": "At the threshold, one digit in ten is wrong; most accepted digits have a higher "
        "confidence and are wrong far less often. So the fraction is below a tenth, but not zero.",
}
